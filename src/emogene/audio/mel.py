"""The log-mel spectrum that Whisper hears, at 100 Hz, without its view of the whole recording."""

from functools import lru_cache

import numpy as np

from emogene.clock import SAMPLE_RATE

BANDS = 80
FFT, STEP = 400, 160  # windows of 25 ms, one in 10 ms
FLOOR = 1e-8  # mel power that counts as silence


def log_mel(samples: np.ndarray, start: int, stop: int, gain: float = 1.0) -> np.ndarray:
    """Scaled log-mel ``[2 (stop - start) + 3, 80]`` float32 at 100 Hz: what the network needs for frames
    ``start`` to ``stop`` of 20 ms of ``gain * samples``; they may lie outside the clip (silence).

    Whisper's spectrum, (lg power + 4) / 4, but for its floor: this one does not depend on the rest of the
    recording. Row j is centred at 2 start - 2 + j hundredths of a second.
    """
    first = (2 * start - 2) * STEP - FFT // 2
    last = 2 * stop * STEP + FFT // 2
    piece = samples[max(first, 0) : max(last, 0)]
    before = min(max(-first, 0), last - first)
    piece = np.pad(piece, (before, last - first - before - len(piece)))
    windows = np.lib.stride_tricks.sliding_window_view(np.float32(gain) * piece, FFT)[::STEP]
    power = np.square(np.abs(np.fft.rfft(windows * _window()))).astype(np.float32)
    return (np.log10(np.maximum(power @ mel_bank(), FLOOR)) + 4) / 4


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
