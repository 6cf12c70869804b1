"""Log-mel spectrum and loudness at 50 Hz. Frame k is centred at k/50 s; sound outside the clip is silence."""

from collections.abc import Iterator

import numpy as np

from emogene.audio.decode import SAMPLE_RATE

MEL_BANDS = 80
HOP = 320
FFT = 512
_FLOOR = 1e-8  # mean power of digital silence: -80 dB
_BLOCK = 512  # frames held at a time


def spectrum(samples: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """``samples [n]`` at 16 kHz -> natural-log mel ``[frames, 80]`` and loudness ``[frames]`` in dB, float32.

    Mel: Hann window of 32 ms, power, 80 triangles of equal area evenly spaced on the mel scale
    (2595 lg(1 + f/700)) in 0..8 kHz. Loudness: RMS of the same 32 ms relative to full scale.
    """
    mel = np.empty((frames, MEL_BANDS), np.float32)
    loudness = np.empty(frames, np.float32)
    window = np.hanning(FFT + 1)[:-1].astype(np.float32)
    bank = mel_filters()
    for start, windows in _blocks(samples, frames):
        part = slice(start, start + len(windows))
        power = np.abs(np.fft.rfft(windows * window)) ** 2 / np.square(window).sum()
        mel[part] = np.log(power.astype(np.float32) @ bank + _FLOOR)
        loudness[part] = np.maximum(10 * np.log10(np.square(windows).mean(1) + _FLOOR), -80)
    return mel, loudness


def mel_filters() -> np.ndarray:
    """``[FFT/2 + 1, 80]`` float32; each column sums to 1, so white noise is flat."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, MEL_BANDS + 2) / 2595) - 1)
    frequency = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)[:, None]
    # The lowest triangles are narrower than a bin of the FFT: widened to one, or they would be empty.
    half = SAMPLE_RATE / FFT
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rise = (frequency - np.minimum(low, middle - half)) / np.maximum(middle - low, half)
    fall = (np.maximum(high, middle + half) - frequency) / np.maximum(high - middle, half)
    bank = np.clip(np.minimum(rise, fall), 0, None)
    return (bank / bank.sum(0)).astype(np.float32)


def _blocks(samples: np.ndarray, frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """Overlapping windows ``[<=_BLOCK, FFT]`` with the number of their first frame, a block at a time."""
    for start in range(0, frames, _BLOCK):
        count = min(_BLOCK, frames - start)
        first = start * HOP - FFT // 2
        last = first + (count - 1) * HOP + FFT
        piece = samples[max(first, 0) : max(last, 0)]
        before = max(-first, 0)
        piece = np.pad(piece, (before, last - first - before - len(piece)))
        yield start, np.lib.stride_tricks.sliding_window_view(piece, FFT)[::HOP]
