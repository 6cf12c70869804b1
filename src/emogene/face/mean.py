"""The embedded mean face and the file that holds the face's embedded numbers."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def asset_path() -> Path:
    """Where the embedded face model lives (made by training/face.py)."""
    return Path(str(files("emogene") / "assets" / "face.safetensors"))


@cache
def _embedded() -> dict[str, np.ndarray]:
    return load_file(asset_path())


def embedded(name: str) -> np.ndarray:
    """One tensor of the embedded face model, as a fresh float32 array."""
    return _embedded()[name].astype(np.float32)


def mean_face() -> np.ndarray:
    """The resting mean face ``[68, 3]``, decimetres: mouth closed, eyes open, mirror symmetric."""
    return embedded("mean")
