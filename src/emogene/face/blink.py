"""Natural blinks: when the eyes close, and what that does to the landmarks.

A blink closes fast and opens slowly: about 80 ms down and 160 ms up, 16 times a minute, now and then two in a
row; speakers like to blink where a phrase ends. On tracked speech the upper lid travels nine tenths of the
way and the lower lid the rest.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

CLOSING, SHUT, OPENING = 0.08, 0.02, 0.16  # seconds
INTERVAL = (2.0, 6.0)  # seconds between blinks
DOUBLE = 0.12  # share of blinks that are followed by a second one at once
AT_PHRASE_END = 0.6  # share of the phrase ends that bring a blink forward
REST, DELAY = 1.2, 0.25  # seconds: none so soon after the last one; at most so long after the phrase
UPPER_SHARE = 0.9
LID_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))  # upper, lower


def blink_curve(
    frames: int, fps: Fraction, seed: int, depth: float = 1.0, phrase_ends: Sequence[int] | np.ndarray = ()
) -> np.ndarray:
    """How closed the eyes are, ``[frames]`` float32: 0 open, ``depth`` shut. Frame t is at t/fps seconds.

    The blinks depend on the seed and on the frames ``phrase_ends`` alone: a longer track begins like a
    shorter one, and another rate shows the same blinks.
    """
    time = np.arange(frames) / float(fps)
    closure = np.zeros(frames)
    for moment in _moments(frames / float(fps), seed, np.asarray(phrase_ends) / float(fps)):
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


def _moments(duration: float, seed: int, phrase_ends: np.ndarray) -> list[float]:
    """Seconds at which blinks start; each is over before the next starts."""
    draw = np.random.default_rng(seed)
    moments, last, now = [], 0.0, draw.uniform(0.5, INTERVAL[1] / 2)
    while True:
        for end in phrase_ends[(last + REST < phrase_ends) & (phrase_ends < now)]:
            if draw.random() < AT_PHRASE_END:
                now = min(now, end + draw.uniform(0, DELAY))
                break
        if now >= duration:
            return moments
        moments.append(now)
        last = now
        double = draw.random() < DOUBLE
        gap = draw.uniform(*INTERVAL)
        now += CLOSING + SHUT + OPENING + 0.05 if double else gap


def _one_blink(since: np.ndarray) -> np.ndarray:
    """Closure at ``since`` seconds from the start of a blink: smooth, no corner at either end."""
    down = np.clip(since / CLOSING, 0, 1)
    up = np.clip((since - CLOSING - SHUT) / OPENING, 0, 1)
    ease = [x * x * (3 - 2 * x) for x in (down, up)]
    return ease[0] - ease[1]
