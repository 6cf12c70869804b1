"""The 68 points, their parts, faces over time, and the measures taken on them."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from emogene.clock import VIDEO_FPS
from emogene.track import Track

N_POINTS = 68

JAW = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
EYES = slice(36, 48)
MOUTH = slice(48, 68)
PARTS: dict[str, slice] = {"jaw": JAW, "brows": BROWS, "nose": NOSE, "eyes": EYES, "mouth": MOUTH}

POINT_NAMES: tuple[str, ...] = tuple(
    f"{part}{i}" for part, points in PARTS.items() for i in range(points.stop - points.start)
)

MOUTH_CORNERS = (48, 54)
INNER_LIPS = (62, 66)  # the upper and lower lip's inner midpoints
OUTER_EYE_CORNERS = (36, 45)

# MediaPipe FaceMesh index of each of the 68 points (GeneFace++'s choice of vertices).
MEDIAPIPE_68: tuple[int, ...] = (
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    *(78, 81, 13, 311, 308, 402, 14, 178),
)  # fmt: skip


@dataclass(frozen=True)
class Landmarks(Track):
    """Faces over time: ``[T, 68, 3]`` float32 in the canonical space (:mod:`emogene.face`), decimetres."""

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[1:] != (N_POINTS, 3):
            raise ValueError(f"landmarks must be [T, 68, 3], not {list(self.values.shape)}")
        super().__post_init__()

    @classmethod
    def of(cls, points: np.ndarray, fps: Fraction = VIDEO_FPS) -> Self:
        """``points [T, 68, 3]``, decimetres."""
        return cls(points, POINT_NAMES, fps, "dm")

    @property
    def points(self) -> np.ndarray:
        """``[T, 68, 3]``, decimetres."""
        return self.values


def mouth_openness(points: np.ndarray) -> np.ndarray:
    """Distance between the inner lips' midpoints, ``[..., 68, 3] -> [...]``, in the unit of the points."""
    upper, lower = INNER_LIPS
    return np.linalg.norm(points[..., upper, :] - points[..., lower, :], axis=-1)


def eye_openness(points: np.ndarray) -> np.ndarray:
    """Mean lid distance of both eyes over the eyes' width, ``[..., 68, 3] -> [...]``, dimensionless."""

    def distance(a: int, b: int) -> np.ndarray:
        return np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)

    right = (distance(37, 41) + distance(38, 40)) / (2 * distance(36, 39))
    left = (distance(43, 47) + distance(44, 46)) / (2 * distance(42, 45))
    return (right + left) / 2
