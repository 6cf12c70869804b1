"""What the two audio stages hear of a voice: features of speech, pitch and loudness, on one 50 Hz clock."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from emogene.audio.encoder import SpeechEncoder
from emogene.audio.level import Gain
from emogene.audio.loudness import Loudness
from emogene.audio.mel import MelSpectrum
from emogene.audio.pitch import Pitch
from emogene.audio.recording import Recording
from emogene.audio.sound import Sound
from emogene.clock import SAMPLE_RATE
from emogene.stream import Stream


@dataclass(frozen=True, eq=False)
class Speech:
    """What is known of a voice, or what has newly become known of it (then lengths may differ, None is none).

    ``samples [n]`` float32, 16 kHz mono; at 50 Hz, frame k at k/50 s: ``f0 [T]`` Hz, 0 where unvoiced,
    ``loudness [T]`` dB of full scale (-80 is digital silence), ``features [T, 512]`` float16 of the speech
    encoder. ``end``: the duration in seconds, once it is known. ``source``: where the samples come from.
    """

    samples: np.ndarray | None
    f0: np.ndarray | None
    loudness: np.ndarray | None
    features: np.ndarray | None
    end: Fraction | None
    source: Sound | None = None


class SpeechStream:
    """Samples to :class:`Speech`, piece by piece; without an ``encoder`` there are no features."""

    def __init__(self, encoder: SpeechEncoder | None, source: Sound | None = None) -> None:
        self._source = source
        self._loudness, self._pitch = Stream(Loudness()), Stream(Pitch())
        self._gain, self._spectrum = Stream(Gain()), Stream(MelSpectrum())
        self._encoder = None if encoder is None else Stream(encoder)

    def push(self, samples: np.ndarray | None, end: Fraction | None = None) -> Speech:
        """What is newly known after the next ``samples [n]``; ``end``: the duration, with the last."""
        (loudness,) = self._loudness.push(samples, end=end)
        (f0,) = self._pitch.push(samples, end=end)
        features = None
        if self._encoder is not None:
            (gain,) = self._gain.push(loudness, f0, end=end)
            (power,) = self._spectrum.push(samples, end=end)
            (features,) = self._encoder.push(power, gain, end=end)
        return Speech(samples, f0, loudness, features, end, self._source)


def analyse(sound: Recording | np.ndarray, encoder: SpeechEncoder | None = None) -> Speech:
    """The whole of a recording, or of bare ``samples [n]`` at 16 kHz mono, n at least 1."""
    if isinstance(sound, Recording):
        samples, duration = sound.samples, sound.duration
    else:
        samples, duration = sound.astype(np.float32, copy=False), Fraction(len(sound), SAMPLE_RATE)
    return SpeechStream(encoder).push(samples, end=duration)
