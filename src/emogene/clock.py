"""The one clock: which frames, features and samples a stretch of time has, and when each of them is.

Time starts with the sound. Frame t of a track at ``fps`` frames a second is at t / fps seconds, and a stretch
of ``duration`` seconds has the frames whose time lies before its end: ``ceil(duration * fps)``, computed
exactly. As nested ceilings are one ceiling, ``ceil(ceil(x) / n) = ceil(x / n)``, the samples of a sound, the
features of the samples and the frames of the features have the counts that the sound itself has.
"""

from fractions import Fraction
from math import lcm

import numpy as np

SAMPLE_RATE = 16_000
"""Samples a second of what the networks hear."""
SPEECH_FPS = Fraction(50)
"""Of the features of speech: one in 320 samples."""
VIDEO_FPS = Fraction(25)
"""Of the lips' network, the mixture and, unless another rate is asked for, the video."""


def frame_count(duration: Fraction, fps: Fraction | int) -> int:
    """Frames (or samples) that cover ``duration`` seconds: ``ceil(duration * fps)``, exactly."""
    return -((-duration * fps) // 1)


def resample(
    values: np.ndarray, source: Fraction, target: Fraction, frames: int, lead: Fraction = Fraction(0)
) -> np.ndarray:
    """Linear interpolation over time, ``[T, ...] -> [frames, ...]`` float32.

    Row t of ``values`` is at t / source seconds, row t of the result at ``lead`` + t / target (``lead`` at
    least 0). Beyond the last row the last is held. ValueError where there is no row.
    """
    if len(values) == 0:
        raise ValueError("cannot resample an empty sequence")
    step, start = source / target, lead * source  # rows of values
    parts = lcm(step.denominator, start.denominator)  # of a row: places are exact in them
    place = np.minimum(int(start * parts) + np.arange(frames) * int(step * parts), (len(values) - 1) * parts)
    left, rest = np.divmod(place, parts)
    right = np.minimum(left + 1, len(values) - 1)
    share = (rest / parts).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    kind = np.result_type(values, np.float32)
    here, there = (values[side].astype(kind, copy=False) for side in (left, right))
    return (here * (1 - share) + there * share).astype(np.float32, copy=False)
