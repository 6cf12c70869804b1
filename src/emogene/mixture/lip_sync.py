"""Steps 3 and 5: what the emotion may not take from the lips."""

import numpy as np

from emogene.face.landmarks import MOUTH
from emogene.mixture.calibration import Calibration, gaps


def spread(events: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """A window at every event, merged by max: bool ``[T]`` and ``shape [2r + 1]`` -> ``[T]``."""
    if len(events) == 0:
        return np.zeros(0)
    radius = len(shape) // 2
    padded = np.pad(events, radius)
    return (np.lib.stride_tricks.sliding_window_view(padded, len(shape)) * shape[::-1]).max(1, initial=0)


def open_mouth(faces: np.ndarray, wanted: np.ndarray, calibration: Calibration) -> np.ndarray:
    """``faces [T, 68, 3]`` with jaw and lips moved, the avatar's own way, so far that the gaps are as wide as
    ``wanted [T, 3, 3]`` on average."""
    missing = (wanted - gaps(faces)).mean(1) @ calibration.direction
    return faces + missing[:, None, None] * calibration.opening


def hold_gaps(faces: np.ndarray, wanted: np.ndarray, calibration: Calibration) -> np.ndarray:
    """``faces [T, 68, 3]`` with inner lip gaps ``wanted [T, 3, 3]``; only the mouth moves, not its corners.

    Upper and lower lip share the correction as they share the avatar's own opening.
    """
    result = faces.copy()
    result[:, MOUTH] += np.einsum("pg,tgc->tpc", calibration.lips, wanted - gaps(faces))
    return result


def any_within(events: np.ndarray, before: float, after: float) -> np.ndarray:
    """Whether an event lies between ``before`` frames ago and ``after`` frames ahead, bool ``[T] -> [T]``."""
    if len(events) == 0:
        return events
    before, after = round(before), round(after)
    padded = np.pad(events, (before, after))
    return np.lib.stride_tricks.sliding_window_view(padded, before + after + 1).max(1)
