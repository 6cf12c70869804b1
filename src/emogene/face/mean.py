"""The embedded mean face: what the canonical space is laid on."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def asset_path() -> Path:
    """Where the embedded mean face lives (made by training/face.py)."""
    return Path(str(files("emogene") / "assets" / "face.safetensors"))


def mean_face() -> np.ndarray:
    """The resting mean face ``[68, 3]`` float32, decimetres: mouth closed, eyes open, mirror symmetric. A
    fresh array."""
    return _embedded().copy()


@cache
def _embedded() -> np.ndarray:
    return load_file(asset_path())["mean"]
