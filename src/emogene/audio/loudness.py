"""Loudness at 50 Hz. Frame k is centred at k/50 s; sound outside the clip is silence."""

import numpy as np

HOP = 320
_WINDOW = 512  # samples: 32 ms
_FLOOR = 1e-8  # mean power of digital silence: -80 dB
_BLOCK = 512  # frames held at a time


def loudness(samples: np.ndarray, frames: int) -> np.ndarray:
    """``samples [n]`` at 16 kHz -> ``[frames]`` float32: RMS of 32 ms in dB of full scale, at least -80."""
    found = np.empty(frames, np.float32)
    for start in range(0, frames, _BLOCK):
        count = min(_BLOCK, frames - start)
        first = start * HOP - _WINDOW // 2
        last = first + (count - 1) * HOP + _WINDOW
        piece = samples[max(first, 0) : max(last, 0)]
        before = max(-first, 0)
        piece = np.pad(piece, (before, last - first - before - len(piece)))
        windows = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW)[::HOP]
        found[start : start + count] = np.maximum(10 * np.log10(np.square(windows).mean(1) + _FLOOR), -80)
    return found
