"""Steps 3 and 5: what the emotion may not take from the lips."""

from dataclasses import dataclass

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
    came = any_within(speed < -rule.closing, rate * rule.recent, 0)
    leaves = any_within(speed > rule.opening, 0, rate * rule.soon)
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


def any_within(events: np.ndarray, before: float, after: float) -> np.ndarray:
    """Whether an event lies between ``before`` frames ago and ``after`` frames ahead, bool ``[T] -> [T]``."""
    if len(events) == 0:
        return events
    before, after = round(before), round(after)
    padded = np.pad(events, (before, after))
    return np.lib.stride_tricks.sliding_window_view(padded, before + after + 1).max(1)
