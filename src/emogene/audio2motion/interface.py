"""What a lip model must be."""

from typing import Protocol

import numpy as np

from emogene.audio import Speech
from emogene.face.space import LandmarkSpace


class LipStream(Protocol):
    """One recording at work."""

    def push(self, speech: Speech) -> np.ndarray | None:
        """The next faces ``[T, 68, 3]`` at 25 fps (canonical space, decimetres), after the next piece of
        speech; all of the rest, up to frame ``ceil(25 end) - 1``, once ``speech.end`` is told."""
        ...


class LipModel(Protocol):
    """Stage 2: a voice to the faces of an avatar that speaks in sync with it. Any such object will do."""

    def stream(self, space: LandmarkSpace, seed: int = 0) -> LipStream:
        """Begin a recording, spoken by the avatar whose landmarks are ``space``. EmoGeneError, one line, for
        an avatar that the model cannot move."""
        ...
