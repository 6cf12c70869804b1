"""What it takes to make a file again: the version, every option, and the weights by their checksums."""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from emogene import __version__
from emogene.weights.embedded import sha256


def run_metadata(*options: Mapping[str, object], weights: Iterable[Path] = ()) -> dict[str, object]:
    """JSON-ready: ``emogene`` (the version), all ``options``, and the sha256 of each of ``weights`` by name.

    Of a path there is only the last name: files are passed on, and folders are private.
    """
    told = {name: _public(value) for part in options for name, value in part.items()}
    return {"emogene": __version__, **told, "weights": checksums(weights)}


def checksums(files: Iterable[Path]) -> dict[str, str]:
    """sha256 by the file's name, in order of name; with its folder's where two have one name."""
    files = sorted({path.resolve() for path in files}, key=lambda path: (path.name, path))
    names = [path.name for path in files]
    short = (path.name if names.count(path.name) == 1 else "/".join(path.parts[-2:]) for path in files)
    return {name: _checksum(path, path.stat().st_mtime_ns) for name, path in zip(short, files, strict=True)}


@lru_cache(64)
def _checksum(path: Path, changed: int) -> str:
    """``changed``: when it was, so that another file of the same name is read anew."""
    del changed
    return sha256(path)


def _public(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return f"array {list(value.shape)}"
    if isinstance(value, os.PathLike) or (isinstance(value, str) and os.path.basename(value) != value):
        return os.path.basename(os.fspath(value).rstrip("/" + os.sep))
    return value
