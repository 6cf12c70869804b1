"""The mel spectrum that Whisper hears, without its view of the whole recording."""

from fractions import Fraction
from functools import lru_cache

import numpy as np

from emogene.audio.loudness import HOP, centred
from emogene.clock import SAMPLE_RATE, SPEECH_FPS
from emogene.stream import Stage

BANDS = 80
FFT, STEP = 400, 160  # windows of 25 ms, one in 10 ms
FLOOR = 1e-8  # mel power that counts as silence


class MelSpectrum(Stage):
    """``samples [n]`` at 16 kHz -> mel power ``[ceil(n / 320), 2, 80]`` float32.

    Row k holds the windows centred at k/50 s and 10 ms later; a constant offset is no sound. Digital silence
    is 0.
    """

    heard, rate, step = Fraction(SAMPLE_RATE), SPEECH_FPS, HOP
    look_back = look_ahead = HOP  # the half windows on either side, in whole steps

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (samples,) = inputs
        rows = 2 * -(-len(samples) // HOP)
        windows = centred(samples, FFT, rows, STEP) * _window()
        power = np.square(np.abs(np.fft.rfft(windows))).astype(np.float32)
        return ((power @ mel_bank()).reshape(-1, 2, BANDS),)


def log_mel(power: np.ndarray, gain: np.ndarray | float = 1.0) -> np.ndarray:
    """Whisper's scale of mel ``power [T, 2, 80]`` of a sound turned up by ``gain`` (a number, or ``[T]``):
    (lg power + 4) / 4, but for its floor, which does not depend on the rest of the recording."""
    factor = np.square(np.asarray(gain, np.float32)).reshape(-1, 1, 1)
    return (np.log10(np.maximum(power * factor, FLOOR)) + 4) / 4


def log_mel_rows(samples: np.ndarray, first: int, stop: int, gain: np.ndarray | float = 1.0) -> np.ndarray:
    """:func:`log_mel` as the encoder's network takes it, ``[2 (stop - first) + 3, 80]``: for its frames
    ``first`` to ``stop`` of 20 ms of ``samples [n]``; ``gain`` is a number, or one for each frame of them.
    Outside is silence."""
    frames = max(-(-len(samples) // HOP), 1)
    (power,) = MelSpectrum()(0, samples if len(samples) else np.zeros(1, np.float32))
    before, after = max(0, 1 - first), max(0, stop + 1 - frames)
    gains = np.broadcast_to(np.asarray(gain, np.float32), (frames,))
    rows = log_mel(np.pad(power, ((before, after), (0, 0), (0, 0))), np.pad(gains, (before, after), "edge"))
    start = first - 1 + before
    return rows[start : start + stop - first + 2].reshape(-1, BANDS)[:-1]


@lru_cache(1)
def _window() -> np.ndarray:
    return np.hanning(FFT + 1)[:-1].astype(np.float32)


@lru_cache(1)
def mel_bank() -> np.ndarray:
    """``[201, 80]``: triangles of equal area on Slaney's mel scale (linear below 1 kHz, then logarithmic)."""
    step = np.log(6.4) / 27
    top = 15 + np.log(SAMPLE_RATE / 2 / 1000) / step
    mels = np.linspace(0, top, BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    frequency = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)[:, None]
    bank = np.minimum((frequency - low) / (middle - low), (high - frequency) / (high - middle))
    return (np.clip(bank, 0, None) * 2 / (high - low)).astype(np.float32)
