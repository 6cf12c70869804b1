"""What an emotion branch makes of a voice, and what it must be to be one."""

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from emogene.audio import Speech
from emogene.emotalk.emotion import Emotion, Timeline
from emogene.track import Track


@dataclass(frozen=True)
class EmotionalSpeech:
    """Blendshapes of a recording, or of what has newly become known of one.

    ``emotion``: ARKit weights ``[T, 52]`` of the emotion alone (browInnerUp may be negative, others above 1),
    or of everything where a model cannot tell it from the ``words [T, 52]`` (then None). ``heard [T, 8]``:
    the probability of each emotion in the voice; ``shown [T, 9]``: how strongly the face is to show each;
    None where a model names no emotions. All tracks have one length and rate. ``emotion`` is None where nothing is new.
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


class EmotionStream(Protocol):
    """One recording at work."""

    def push(self, speech: Speech) -> EmotionalSpeech:
        """What is newly known after the next piece of speech; all of the rest once ``speech.end`` is told."""
        ...


class EmotionModel(Protocol):
    """Stage 1: a voice, and an emotion asked for, to ARKit blendshapes. Any such object will do."""

    def stream(self, emotion: Emotion | Timeline | None = None, seed: int = 0) -> EmotionStream:
        """Begin a recording. EmoGeneError, one line, for an emotion that the model cannot be asked for."""
        ...
