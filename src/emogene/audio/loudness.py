"""Loudness at 50 Hz. Frame k is centred at k/50 s; sound outside the clip is silence."""

from fractions import Fraction

import numpy as np

from emogene.clock import SAMPLE_RATE, SPEECH_FPS
from emogene.stream import Stage

HOP = int(SAMPLE_RATE / SPEECH_FPS)
SILENCE = -80.0  # dB of full scale: digital silence
_WINDOW = 512  # samples: 32 ms
_FLOOR = 1e-8  # mean power of digital silence


class Loudness(Stage):
    """``samples [n]`` at 16 kHz -> ``[ceil(n / 320)]`` float32: RMS of 32 ms in dB of full scale, at least
    -80. A constant offset is no sound."""

    heard, rate, step = Fraction(SAMPLE_RATE), SPEECH_FPS, HOP
    look_back = HOP  # the half window before the frame, in whole steps

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (samples,) = inputs
        frames = -(-len(samples) // HOP)
        power = np.square(centred(samples, _WINDOW, frames, HOP)).mean(1)
        return (np.maximum(10 * np.log10(power + _FLOOR), SILENCE).astype(np.float32),)


def centred(samples: np.ndarray, window: int, frames: int, hop: int) -> np.ndarray:
    """``[frames, window]``: windows of ``samples [n]`` around multiples of ``hop``, each less its own mean;
    silence outside (where an offset begins or ends there is no click)."""
    before, length = window // 2, (frames - 1) * hop + window
    after = max(0, length - before - len(samples))

    def windows(rows: np.ndarray) -> np.ndarray:
        padded = np.pad(rows, (before, after))[:length]
        return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]

    there = windows(np.ones(len(samples), np.float32))
    heard = windows(samples)
    mean = heard.sum(1, keepdims=True) / np.maximum(there.sum(1, keepdims=True), 1)
    return (heard - mean) * there
