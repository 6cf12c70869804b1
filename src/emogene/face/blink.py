"""Natural blinks: when the eyes close, and what that does to the landmarks.

A blink closes fast and opens slowly: about 80 ms down and 160 ms up, every 2 to 5 seconds, now and then two
in a row. On tracked speech the upper lid travels nine tenths of the way and the lower lid the rest.
"""

from fractions import Fraction

import numpy as np

CLOSING, SHUT, OPENING = 0.08, 0.02, 0.16  # seconds
INTERVAL = (2.0, 5.0)  # seconds between blinks
DOUBLE = 0.12  # share of blinks that are followed by a second one at once
UPPER_SHARE = 0.9
LID_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))  # upper, lower


def blink_curve(frames: int, fps: Fraction, seed: int, depth: float = 1.0) -> np.ndarray:
    """How closed the eyes are, ``[frames]`` float32: 0 open, ``depth`` shut. Frame t is at t/fps seconds.

    The blinks depend on the seed alone: a longer track begins like a shorter one, and another rate shows the
    same blinks.
    """
    time = np.arange(frames) / float(fps)
    closure = np.zeros(frames)
    for moment in _moments(frames / float(fps), seed):
        closure = np.maximum(closure, _one_blink(time - moment))
    return (depth * closure).astype(np.float32)


def close_eyes(points: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Bring the lids of ``points [T, 68, 3]`` together by ``closure [T]`` (1: they meet). A new array."""
    closed = points.copy()
    share = np.clip(closure, 0, 1)[:, None]
    for upper, lower in LID_PAIRS:
        meeting = (1 - UPPER_SHARE) * points[:, upper] + UPPER_SHARE * points[:, lower]
        for lid in (upper, lower):
            closed[:, lid] += share * (meeting - points[:, lid])
    return closed


def _moments(duration: float, seed: int) -> list[float]:
    draw = np.random.default_rng(seed)
    moments, now = [], draw.uniform(0.5, INTERVAL[1] / 2)
    while now < duration:
        moments.append(now)
        double = draw.random() < DOUBLE
        gap = draw.uniform(*INTERVAL)
        now += CLOSING + SHUT + OPENING + 0.05 if double else gap
    return moments


def _one_blink(since: np.ndarray) -> np.ndarray:
    """Closure at ``since`` seconds from the start of a blink: smooth, no corner at either end."""
    down = np.clip(since / CLOSING, 0, 1)
    up = np.clip((since - CLOSING - SHUT) / OPENING, 0, 1)
    ease = [x * x * (3 - 2 * x) for x in (down, up)]
    return ease[0] - ease[1]
