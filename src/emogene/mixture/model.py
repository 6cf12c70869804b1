"""What a mixture must be, and what comes out of one."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from emogene.emotalk.speech import EmotionalSpeech
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace


@dataclass(frozen=True)
class Mixed:
    """Faces ``[T, 68, 3]`` at 25 fps, canonical space, decimetres, float32: lips and emotion as one face, the
    ``lips`` alone as this mixture shows them, and the ``emotion`` branch's face alone."""

    mixed: np.ndarray
    lips: np.ndarray
    emotion: np.ndarray


class MixtureStream(Protocol):
    """One recording at work."""

    def push(
        self, lips: np.ndarray | None, felt: EmotionalSpeech, end: Fraction | None = None
    ) -> Mixed | None:
        """What is newly known after the next ``lips [T, 68, 3]`` at 25 fps and the next blendshapes; ``end``:
        the duration in seconds, with the last of both."""
        ...


class MixtureModel(Protocol):
    """Stage 3: lip-synced landmarks and emotional blendshapes to one face. Any such object will do."""

    def stream(self, rig: Rig, space: LandmarkSpace) -> MixtureStream:
        """Begin a recording; ``rig`` turns blendshapes into landmarks, ``space`` is the avatar's face."""
        ...
