"""The weights inside the package: safetensors files whose metadata says what they are and whose."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from emogene.weights.header import metadata


@dataclass(frozen=True)
class Weights:
    """One embedded file: its ``metadata`` are the strings in the safetensors header."""

    path: Path
    size: int
    sha256: str
    metadata: dict[str, str]

    @property
    def licence(self) -> str:
        """As its metadata state it; an avatar states it with its provenance."""
        header = json.loads(self.metadata.get("emogene", "{}"))
        return self.metadata.get("licence") or header.get("provenance", {}).get("licence") or "not stated"


def assets() -> Path:
    """The package's folder of weights, avatars and the demo clip."""
    return Path(str(files("emogene") / "assets"))


def embedded() -> Iterator[Weights]:
    """Every safetensors file in the package, in order of name."""
    for path in sorted(assets().rglob("*.safetensors")):
        yield Weights(path, path.stat().st_size, sha256(path), metadata(path))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
