"""Natural blinks: when the eyes close, and what that does to the landmarks.

A blink closes fast and opens slowly: about 80 ms down and 160 ms up, 16 times a minute, now and then two in a
row; speakers like to blink where a phrase ends. On tracked speech the upper lid travels nine tenths of the
way and the lower lid the rest.
"""

from collections import deque
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


class Blinks:
    """How closed the eyes are: 0 open, 1 shut; frame t is at t/fps seconds.

    The blinks depend on the seed and on the ends of phrases alone: a longer recording begins like a shorter
    one, and another rate shows the same blinks.
    """

    def __init__(self, fps: Fraction, seed: int) -> None:
        self._fps, self._draw = fps, np.random.default_rng(seed)
        self._ends: deque[float] = deque()  # not yet considered
        self._last, self._next = 0.0, float(self._draw.uniform(0.5, INTERVAL[1] / 2))
        self._brought_forward = False
        self._recent: list[float] = []  # starts of blinks that frames to come may see
        self._frame = 0

    def push(self, phrase_ends: Sequence[float] | np.ndarray, known: float, stop: int) -> np.ndarray:
        """Closure ``[n]`` float32 of the frames up to ``stop``, none of them later than ``known`` seconds.

        ``phrase_ends``: those that are new, in seconds, up to ``known``, ascending.
        """
        self._ends.extend(float(end) for end in phrase_ends)
        while self._decide(known):
            self._recent.append(self._next)
            self._schedule()
        time = np.arange(self._frame, stop) / float(self._fps)
        closure = np.zeros(len(time))
        for moment in self._recent:
            closure = np.maximum(closure, _one_blink(time - moment))
        self._frame = max(stop, self._frame)
        over = self._frame / float(self._fps) - (CLOSING + SHUT + OPENING)
        self._recent = [moment for moment in self._recent if moment > over]
        return closure.astype(np.float32)

    def _decide(self, known: float) -> bool:
        """Whether the next blink's start is settled and not after ``known``; phrases may bring it forward."""
        while self._ends and self._ends[0] < self._next and not self._brought_forward:
            end = self._ends.popleft()
            if end > self._last + REST and self._draw.random() < AT_PHRASE_END:
                self._next = min(self._next, end + self._draw.uniform(0, DELAY))
                self._brought_forward = True
        return self._next <= known

    def _schedule(self) -> None:
        self._last, self._brought_forward = self._next, False
        while self._ends and self._ends[0] <= self._last:
            self._ends.popleft()
        double = self._draw.random() < DOUBLE
        gap = self._draw.uniform(*INTERVAL)
        self._next += CLOSING + SHUT + OPENING + 0.05 if double else float(gap)


def close_eyes(points: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Bring the lids of ``points [T, 68, 3]`` together by ``closure [T]`` (1: they meet). A new array."""
    closed = points.copy()
    share = np.clip(closure, 0, 1)[:, None]
    for upper, lower in LID_PAIRS:
        meeting = (1 - UPPER_SHARE) * points[:, upper] + UPPER_SHARE * points[:, lower]
        for lid in (upper, lower):
            closed[:, lid] += share * (meeting - points[:, lid])
    return closed


def _one_blink(since: np.ndarray) -> np.ndarray:
    """Closure at ``since`` seconds from the start of a blink: smooth, no corner at either end."""
    down = np.clip(since / CLOSING, 0, 1)
    up = np.clip((since - CLOSING - SHUT) / OPENING, 0, 1)
    ease = [x * x * (3 - 2 * x) for x in (down, up)]
    return ease[0] - ease[1]
