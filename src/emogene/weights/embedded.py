"""The weights inside the package: safetensors files whose metadata says what they are and whose."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from emogene.errors import EmoGeneError

HEADER_LIMIT = 16_000_000  # bytes; a longer safetensors header is damage


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


def metadata(path: Path) -> dict[str, str]:
    """The strings in a safetensors header, without its tensors. Raises EmoGeneError for a damaged file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= HEADER_LIMIT else b""
    try:
        return json.loads(header).get("__metadata__", {})
    except (ValueError, AttributeError):
        raise EmoGeneError(f"{path}: is not a safetensors file; install emogene again") from None
