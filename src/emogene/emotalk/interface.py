"""What an emotion model must be."""

from typing import Protocol

from emogene.audio import Speech
from emogene.emotalk.emotion import Emotion, Timeline
from emogene.face.felt import EmotionalSpeech


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
