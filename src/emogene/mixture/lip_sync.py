"""Steps 3 and 5: what the emotion may not take from the lips."""

import numpy as np

REFERENCE_RADIUS = 5
REFERENCE_FINAL_RADIUS = 4


def reference_closures(openness: np.ndarray) -> np.ndarray:
    """Plosives by the reference's rule: ``openness [T]`` in decimetres at 25 fps -> bool ``[T]``.

    Nearly closed (below .05), closing (faster than .02 a frame), and opening again (faster than .03 a frame)
    within the next 10 frames: a plosive, not the end of an utterance.
    """
    speed = np.diff(openness, prepend=openness[:1])
    opening = np.concatenate([speed > 0.03, np.zeros(10, bool)])
    soon = np.lib.stride_tricks.sliding_window_view(opening, 10)[1:].any(1)
    return (openness < 0.05) & (speed < -0.02) & soon


def reference_windows(closures: np.ndarray) -> np.ndarray:
    """Weight of the lips ``[T]`` around closures (bool ``[T]``): ``((5 - d) / 5)^2`` at distance d <= 5.

    A later closure's window overwrites an earlier one's, as in the reference: of two closures in successive
    frames, the first keeps only .64.
    """
    weights = np.zeros(len(closures))
    for t in np.flatnonzero(closures):
        first, last = max(0, t - REFERENCE_RADIUS), min(len(weights), t + REFERENCE_RADIUS + 1)
        distance = np.abs(np.arange(first, last) - t)
        weights[first:last] = ((REFERENCE_RADIUS - distance) / REFERENCE_RADIUS) ** 2
    return weights


def spread(events: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """A window at every event, merged by max: bool ``[T]`` and ``shape [2r + 1]`` -> ``[T]``."""
    radius = len(shape) // 2
    padded = np.pad(events, radius)
    return (np.lib.stride_tricks.sliding_window_view(padded, len(shape)) * shape[::-1]).max(1, initial=0)


def reference_reopened(lips: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """Weight of the lips ``[T]`` where closures were lost, from both openness curves ``[T]`` in decimetres.

    A Bartlett window of radius 4 at every closure of the lips that is now open more than .04.
    """
    lost = reference_closures(lips) & (mixed > 0.04)
    return spread(lost, np.bartlett(2 * REFERENCE_FINAL_RADIUS + 1))


def towards(mixed: np.ndarray, lips: np.ndarray, weights: np.ndarray, points: slice) -> np.ndarray:
    """``mixed [T, 68, 3]`` with ``points`` blended towards ``lips`` by ``weights [T]``."""
    result = mixed.copy()
    share = weights[:, None, None]
    result[:, points] = share * lips[:, points] + (1 - share) * mixed[:, points]
    return result
