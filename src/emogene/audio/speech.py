"""What the two audio stages hear: pitch and loudness on one 50 Hz clock."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from emogene.audio.loudness import loudness
from emogene.audio.pitch import pitch
from emogene.audio.recording import Recording
from emogene.clock import SAMPLE_RATE, frame_count

SPEECH_FPS = Fraction(50)


@dataclass(frozen=True, eq=False)
class Speech:
    """Features of a recording. Frame k is centred at k/50 s and T = ceil(50 duration).

    ``f0 [T]`` Hz with 0 where unvoiced, ``loudness [T]`` dB of full scale (-80 is digital silence), and the
    16 kHz mono ``samples [n]`` themselves; float32. ``path``: the file they come from, if any.
    """

    f0: np.ndarray
    loudness: np.ndarray
    duration: Fraction
    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.f0)


def analyse(sound: Recording | np.ndarray) -> Speech:
    """Features of a recording, or of bare ``samples [n]`` at 16 kHz mono, n >= 1. Memory as the samples'."""
    if isinstance(sound, Recording):
        samples, duration, path = sound.samples, sound.duration, sound.path
    else:
        samples, duration = sound.astype(np.float32, copy=False), Fraction(len(sound), SAMPLE_RATE)
        path = None
    frames = frame_count(duration, SPEECH_FPS)
    return Speech(pitch(samples, frames), loudness(samples, frames), duration, samples, path)
