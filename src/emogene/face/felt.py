"""What passes from an emotion model to the mixture: blendshapes of the words and of the emotion."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from emogene.track import Track


@dataclass(frozen=True)
class EmotionalSpeech:
    """Blendshapes of a recording, or of what has newly become known of one.

    ``emotion``: ARKit weights ``[T, 52]`` of the emotion alone (browInnerUp may be negative, others above 1),
    or of everything where a model cannot tell it from the ``words [T, 52]`` (then None). ``heard [T, 8]``:
    the probability of each emotion in the voice; ``shown [T, 9]``: how strongly the face is to show each;
    None where a model names no emotions. All tracks have one length and rate. ``emotion`` is None where
    nothing is new.
    """

    emotion: Track | None
    words: Track | None = None
    heard: Track | None = None
    shown: Track | None = None

    @classmethod
    def nothing(cls) -> Self:
        return cls(emotion=None)

    def without_emotion(self) -> Self:
        """The words alone. Of a model that tells words and emotion apart."""
        assert self.emotion is not None and self.words is not None
        return replace(self, emotion=replace(self.emotion, values=np.zeros_like(self.emotion.values)))

    @property
    def together(self) -> Track:
        """ARKit weights ``[T, 52]`` of words and emotion: they add."""
        assert self.emotion is not None
        if self.words is None:
            return self.emotion
        return replace(self.emotion, values=self.words.values + self.emotion.values)
