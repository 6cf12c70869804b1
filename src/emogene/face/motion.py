"""Sequences of faces: landmarks and blendshapes over time, and the one way to resample them."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from emogene.face.arkit import ARKIT_52
from emogene.face.landmarks import N_POINTS

VIDEO_FPS = Fraction(25)
BLENDSHAPE_FPS = Fraction(30)


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Frames that cover ``duration`` seconds: ``ceil(duration * fps)``, exactly."""
    return -((-duration * fps) // 1)


def resample(values: np.ndarray, source: Fraction, target: Fraction, frames: int) -> np.ndarray:
    """Linear interpolation over time. Frame t of either rate is at t/fps seconds; the ends are held.

    ``[T, ...] -> [frames, ...]`` float32.
    """
    if len(values) == 0:
        raise ValueError("cannot resample an empty sequence")
    position = np.arange(frames) * float(source / target)
    position = np.minimum(position, len(values) - 1)
    left = np.floor(position).astype(int)
    right = np.minimum(left + 1, len(values) - 1)
    share = (position - left).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    # In place: an hour's tracks are large.
    result, later = (
        values[side].astype(np.result_type(values, np.float32), copy=False) for side in (left, right)
    )
    result *= 1 - share
    later *= share
    result += later
    return result.astype(np.float32, copy=False)


@dataclass(frozen=True)
class LandmarkMotion:
    """Faces over time: ``points [T, 68, 3]`` float32, canonical space (:mod:`emogene.face`), decimetres."""

    points: np.ndarray
    fps: Fraction = VIDEO_FPS

    def __post_init__(self) -> None:
        if self.points.ndim != 3 or self.points.shape[1:] != (N_POINTS, 3):
            raise ValueError(f"landmarks must be [T, 68, 3], not {list(self.points.shape)}")

    def __len__(self) -> int:
        return len(self.points)

    def resample(self, fps: Fraction, frames: int) -> "LandmarkMotion":
        """The same motion at another rate, exactly ``frames`` long."""
        return LandmarkMotion(resample(self.points, self.fps, fps, frames), fps)

    def displacement(self, mean_face: np.ndarray) -> np.ndarray:
        """``[T, 68, 3]`` decimetres away from ``mean_face [68, 3]``."""
        return self.points - mean_face


@dataclass(frozen=True)
class BlendshapeMotion:
    """Blendshape coefficients over time: ``weights [T, N]`` float32 in 0..1, one name per column."""

    weights: np.ndarray
    names: tuple[str, ...] = ARKIT_52
    fps: Fraction = BLENDSHAPE_FPS

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.weights.shape[1] != len(self.names):
            raise ValueError(f"{len(self.names)} names for weights of shape {list(self.weights.shape)}")

    def __len__(self) -> int:
        return len(self.weights)

    def resample(self, fps: Fraction, frames: int) -> "BlendshapeMotion":
        """The same motion at another rate, exactly ``frames`` long."""
        return replace(self, weights=resample(self.weights, self.fps, fps, frames), fps=fps)
