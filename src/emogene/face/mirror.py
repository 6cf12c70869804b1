"""Left and right: which points and which blendshapes are each other's mirror image."""

import numpy as np

from emogene.face.arkit import ARKIT_52, INDEX

# jaw, brows, nose bridge, nostrils, eyes, outer lips, inner lips, each read from the other side
_PAIRS = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
MIRROR_POINTS = np.array(_PAIRS)


def _opposite(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


MIRROR_SHAPES = np.array([INDEX[_opposite(name)] for name in ARKIT_52])


def mirror(points: np.ndarray) -> np.ndarray:
    """The mirror image in the plane x = 0 of points or displacements ``[..., 68, 3]``."""
    return points[..., MIRROR_POINTS, :] * np.array([-1, 1, 1], points.dtype)
