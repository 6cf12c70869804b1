"""A recording whole in memory, for training and measuring."""

from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np

from emogene.audio.sound import Sound


@dataclass(frozen=True)
class Recording:
    """``samples [n]`` float32, 16 kHz mono, full scale 1; n is ``ceil(duration * 16000)``.

    ``duration`` is exact, in seconds: the samples of the source over its own rate.
    """

    samples: np.ndarray
    duration: Fraction
    path: Path | None = None

    @classmethod
    def of(cls, sound: Sound) -> "Recording":
        samples = np.concatenate(list(sound.speech()))
        return cls(samples, sound.duration, sound.path)


def load_audio(path: str | PathLike[str]) -> Recording:
    """All of a file's sound: 230 MB an hour. Raises EmoGeneError as :class:`Sound`."""
    return Recording.of(Sound.open(path))
