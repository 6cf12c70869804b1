"""What a mixture must be."""

from typing import Protocol

import numpy as np

from emogene.audio import Speech
from emogene.face.felt import EmotionalSpeech
from emogene.face.mixed import Mixed
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace


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
