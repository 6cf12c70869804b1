"""What a mixture must be, and what comes out of one."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from emogene.audio import Speech
from emogene.emotalk.speech import EmotionalSpeech
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace


@dataclass(frozen=True)
class Mixed:
    """T frames at 25 fps, float32. Faces ``[T, 68, 3]`` in canonical space, decimetres: lips and emotion as
    one face, the ``lips`` alone as this mixture shows them, the ``emotion`` branch's face alone.
    ``weights [T, 52]``: ARKit, of the emotion as it is shown, speech having its share of the mouth;
    ``free [T]``: how far the mouth is the emotion's alone, 1 in pauses and 0 in speech."""

    mixed: np.ndarray
    lips: np.ndarray
    emotion: np.ndarray
    weights: np.ndarray
    free: np.ndarray

    @classmethod
    def of(cls, *parts: np.ndarray | None) -> Self | None:
        """In this order; None where there is nothing."""
        mixed, lips, emotion, weights, free = parts
        if mixed is None or lips is None or emotion is None or weights is None or free is None:
            return None
        return cls(mixed, lips, emotion, weights, free)


class MixtureStream(Protocol):
    """One recording at work."""

    def push(self, lips: np.ndarray | None, felt: EmotionalSpeech, speech: Speech) -> Mixed | None:
        """What is newly known after the next ``lips [T, 68, 3]`` at 25 fps, the next blendshapes, and the
        next piece of the voice that they are of; all of the rest once ``speech.end`` is told."""
        ...


class MixtureModel(Protocol):
    """Stage 3: lip-synced landmarks and emotional blendshapes to one face. Any such object will do."""

    def stream(self, rig: Rig, space: LandmarkSpace) -> MixtureStream:
        """Begin a recording; ``rig`` turns blendshapes into landmarks, ``space`` is the avatar's face."""
        ...
