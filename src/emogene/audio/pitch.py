"""Pitch at 50 Hz by SwiftF0 (MIT; a 0.1 MB convolutional net that the package swift-f0 brings)."""

import numpy as np
from swift_f0 import SwiftF0

from emogene.clock import SAMPLE_RATE

_HOP = 256  # SwiftF0's own frames
_PIECE = 600 * _HOP  # ten seconds at a time
_MARGIN = 16 * _HOP  # more than its reach of 11 frames: pieces join exactly
_VOICED = 0.5


def pitch(samples: np.ndarray, frames: int) -> np.ndarray:
    """``samples [n]`` at 16 kHz -> f0 ``[frames]`` float32 in Hz, 0 where unvoiced; frame k at k/50 s.

    50..1100 Hz, the range of the coarse pitch scale. Memory is constant beside the result.
    """
    detector = SwiftF0(threads=1, spin=False)
    native = np.concatenate([_piece(detector, samples, start) for start in range(0, len(samples), _PIECE)])
    nearest = np.rint(np.arange(frames) * (SAMPLE_RATE / 50 / _HOP)).astype(int)
    return native[np.minimum(nearest, len(native) - 1)]


def _piece(detector: SwiftF0, samples: np.ndarray, start: int) -> np.ndarray:
    """SwiftF0's frames of ``samples[start : start + _PIECE]``, computed with its neighbourhood."""
    left = max(0, start - _MARGIN)
    result = detector.detect(samples[left : start + _PIECE + _MARGIN], SAMPLE_RATE, fmin=50, fmax=1100)
    f0 = np.where(result.confidence >= _VOICED, result.pitch_hz, 0).astype(np.float32)
    return f0[(start - left) // _HOP :][: _PIECE // _HOP]
