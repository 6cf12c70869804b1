"""Steps 3 and 5: what the emotion may not take from the lips."""

from dataclasses import dataclass

import numpy as np

from emogene.face.landmarks import MOUTH
from emogene.mixture.calibration import Calibration, gaps

REFERENCE_RADIUS = 5
REFERENCE_FINAL_RADIUS = 4


def reference_closures(openness: np.ndarray) -> np.ndarray:
    """Plosives by the reference's rule: ``openness [T]`` in decimetres at 25 fps -> bool ``[T]``.

    Nearly closed (below .05), closing (faster than .02 a frame), and opening again (faster than .03 a frame)
    within the next 10 frames: a plosive, not the end of an utterance.
    """
    speed = np.diff(openness, prepend=openness[:1])
    soon = np.append(_any_within(speed > 0.03, 0, 9)[1:], False)[
        : len(speed)
    ]  # of the frames t + 1 .. t + 10
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
    if len(events) == 0:
        return np.zeros(0)
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


@dataclass(frozen=True)
class ClosureRule:
    """What counts as a closure of the lips, relative to the face and by the second.

    ``shut``: openness below this share of the avatar's own range; ``closing`` and ``opening``: speeds in
    ranges per second that lead into it within ``recent`` and out of it within ``soon`` seconds;
    ``hold``: seconds over which a closure's window fades.
    """

    shut: float = 0.2
    closing: float = 1.0
    opening: float = 1.5
    recent: float = 0.16
    soon: float = 0.4
    hold: float = 0.2


def closures(openness: np.ndarray, calibration: Calibration, rate: float, rule: ClosureRule) -> np.ndarray:
    """Plosives: ``openness [T]`` decimetres at ``rate`` Hz -> bool ``[T]``; all of the closed frames."""
    level = (openness - calibration.shut) / calibration.range
    speed = np.diff(level, prepend=level[:1]) * rate
    came = _any_within(speed < -rule.closing, rate * rule.recent, 0)
    leaves = _any_within(speed > rule.opening, 0, rate * rule.soon)
    return (level < rule.shut) & came & leaves


def closure_windows(events: np.ndarray, rate: float, rule: ClosureRule) -> np.ndarray:
    """Weight of the lips ``[T]``: 1 at closures, fading over ``rule.hold`` seconds, merged by max."""
    radius = max(1, round(rule.hold * rate))
    return spread(events, 1 - np.abs(np.arange(-radius, radius + 1)) / (radius + 1))


def wanted_gaps(
    lips: np.ndarray, windows: np.ndarray, opening: np.ndarray, calibration: Calibration
) -> np.ndarray:
    """The gaps between the inner lips that the mixed face shall have, ``[T, 3, 3]``.

    Those of ``lips [T, 68, 3]``. Where the mouth is well open and no closure is near (``windows [T]``), it
    opens more or less by the emotion: ``opening [T]``, a share of what exceeds half the avatar's range.
    """
    own = gaps(lips)
    width = np.linalg.norm(own, axis=-1, keepdims=True)
    half = (calibration.shut + calibration.wide) / 2
    excess = np.maximum(width - half, 0) / np.maximum(width, 1e-9)
    return own * (1 + (opening * (1 - windows))[:, None, None] * excess)


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


def _any_within(events: np.ndarray, before: float, after: float) -> np.ndarray:
    """Whether an event lies between ``before`` frames ago and ``after`` frames ahead, bool ``[T] -> [T]``."""
    if len(events) == 0:
        return events
    before, after = round(before), round(after)
    padded = np.pad(events, (before, after))
    return np.lib.stride_tricks.sliding_window_view(padded, before + after + 1).max(1)
