"""Pitch at 50 Hz by SwiftF0 (MIT; a 0.1 MB convolutional net that the package swift-f0 brings)."""

from fractions import Fraction
from functools import cached_property

import numpy as np

from emogene.audio.onnx import without_telemetry
from emogene.clock import SAMPLE_RATE, SPEECH_FPS
from emogene.stream import Stage

_HOP = 256  # samples; SwiftF0's own frames, 62.5 a second
_VOICED = 0.5


class Pitch(Stage):
    """``samples [n]`` at 16 kHz -> f0 ``[ceil(n / 320)]`` float32 in Hz, 0 where unvoiced; frame k at k/50 s.

    50 to 1100 Hz, the range of the coarse pitch scale.
    """

    heard, rate = Fraction(SAMPLE_RATE), SPEECH_FPS
    step = 1280  # four frames here, five of SwiftF0
    look_back = look_ahead = 4 * 1280  # more than its reach of 11 of its frames

    @cached_property
    def _detector(self):
        with without_telemetry():
            from swift_f0 import SwiftF0

        return SwiftF0(threads=1, spin=False)

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (samples,) = inputs
        found = self._detector.detect(samples, SAMPLE_RATE, fmin=50, fmax=1100)
        native = np.where(found.confidence >= _VOICED, found.pitch_hz, 0).astype(np.float32)
        frames = self.frames(-(-len(samples) // self.step) * self.step)
        nearest = np.floor(np.arange(frames) * float(SAMPLE_RATE / SPEECH_FPS / _HOP) + 0.5).astype(int)
        return (native[np.minimum(nearest, len(native) - 1)],)
