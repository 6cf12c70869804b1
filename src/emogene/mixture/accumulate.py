"""Step 1: displacement accumulation, the lips' motion and the emotion's motion added over the mean face."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from emogene.face.landmarks import PARTS
from emogene.mixture.calibration import Calibration, gaps

SIGMAS = 4  # how far a Gaussian is followed


def emotional_displacement(
    emotion: np.ndarray, base: np.ndarray, rate: float, smoothing: float
) -> np.ndarray:
    """What the emotion does to the face: ``[T, 68, 3]`` decimetres.

    ``emotion [T, 68, 3]``: the emotion branch's faces; ``base``: the same branch's faces without emotion, or
    ``[68, 3]`` the neutral face. Expressions are slow: a Gaussian of ``smoothing`` seconds (no lag) takes out
    what is left of the words.
    """
    return gaussian_filter1d(
        (emotion - base).astype(np.float64), smoothing * rate, axis=0, mode="nearest", truncate=SIGMAS
    )


def without_opening(displacement: np.ndarray, calibration: Calibration) -> np.ndarray:
    """A displacement that neither opens nor closes the lips, ``[T, 68, 3] -> [T, 68, 3]``.

    Opening the mouth is the lips' business: that component, along the avatar's own way of opening, is taken
    from jaw and lips. The mouth's corners keep all they were asked for, and the closed lips stay with them.
    """
    opening = opening_of(displacement, calibration)
    return displacement - opening[:, None, None] * calibration.parting


def opening_of(displacement: np.ndarray, calibration: Calibration) -> np.ndarray:
    """How far a displacement opens the lips, ``[T, 68, 3] -> [T]`` decimetres, negative for closing."""
    return gaps(displacement).mean(1) @ calibration.direction


def within_reach(displacement: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Every part's displacement scaled down, as a whole, where it goes beyond the avatar's reach.

    The gain is 1 until the part's farthest point is at 80% of the reach, and bends softly to the reach.
    """
    result = displacement.copy()
    for part, reach in calibration.reach.items():
        points = PARTS[part]
        distance = np.linalg.norm(displacement[:, points], axis=-1).max(1) / reach
        result[:, points] *= (soft_limit(distance) / np.maximum(distance, 1e-9))[:, None, None]
    return result


def soft_limit(x: np.ndarray, knee: float = 0.8) -> np.ndarray:
    """``x >= 0`` as it is up to ``knee``, then smoothly towards 1."""
    beyond = np.maximum(x - knee, 0) / (1 - knee)
    return np.where(x < knee, x, knee + (1 - knee) * np.tanh(beyond))
