"""The reference system's two audio stages, from official checkpoints, behind the interface of our own.

With an avatar imported from official checkpoints (:mod:`emogene.reference.avatar`) and ``Mixture.reference``
the pipeline is the reference system.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from emogene.audio.sound import Sound
from emogene.audio.speech import Speech
from emogene.emotalk import LABELS, Emotion, EmotionalSpeech, Timeline
from emogene.errors import EmoGeneError
from emogene.face.landmarks import Landmarks
from emogene.face.space import LandmarkSpace
from emogene.reference.audio2motion import OfficialAudio2Motion
from emogene.reference.emotalk import LEVELS, PERSONS, OfficialEmoTalk, load_emotalk


@dataclass(frozen=True)
class ReferenceLips:
    """Stage 2, GeneFace++'s audio to motion: HuBERT and Praat's pitch to the Basel model's expressions."""

    model: OfficialAudio2Motion

    @classmethod
    def open(cls, checkpoint: Path, hubert: Path | None = None, device: str = "cpu") -> "ReferenceLips":
        """See :meth:`OfficialAudio2Motion.open`."""
        return cls(OfficialAudio2Motion.open(checkpoint, hubert, device))

    def speak(self, speech: Speech, frames: int, space: LandmarkSpace, seed: int = 0) -> Landmarks:
        """``frames`` faces at 25 fps of an avatar that has a Basel face model; the last is held where the
        network's multiple of four frames ends early. HuBERT hears the left channel, as the official code's.
        """
        if space.model is None:
            raise EmoGeneError(
                "the official audio-to-motion network moves imported avatars only; "
                "make one by `emogene avatar import`"
            )
        left = None if speech.path is None else Sound.open(speech.path).left()
        expression = self.model(speech.samples, seed=seed, left=left)
        if expression.shape[1] != len(space.model.expression_basis):
            raise EmoGeneError(
                f"the audio-to-motion checkpoint gives {expression.shape[1]} coefficients; "
                f"the avatar's face model has {len(space.model.expression_basis)}"
            )
        held = expression[np.minimum(np.arange(frames), len(expression) - 1)]
        return Landmarks.of(space.model.landmarks(np.ones(1, np.float32), held))


@dataclass(frozen=True)
class Manner:
    """What the official EmoTalk can be told."""

    level: int = 1
    """0 or 1: how strongly the emotion shows, as the actors of its training set were told."""
    person: int = 0
    """0 to 23: the actor whose manner the face takes."""

    def __post_init__(self) -> None:
        for name, value, count in (("level", self.level, LEVELS), ("person", self.person, PERSONS)):
            if not 0 <= value < count:
                raise EmoGeneError(f"the official EmoTalk's {name} is 0 to {count - 1}, not {value}")


@dataclass(frozen=True)
class ReferenceEmotion:
    """Stage 1, the official EmoTalk; smoothing is left to the mixture, blinks to the renderer."""

    model: OfficialEmoTalk
    manner: Manner = Manner()

    @classmethod
    def open(
        cls,
        checkpoint: Path,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        manner: Manner = Manner(),
    ) -> "ReferenceEmotion":
        """See :func:`load_emotalk`."""
        return cls(load_emotalk(checkpoint, device, dtype), manner)

    @staticmethod
    def check(emotion: Emotion | Timeline) -> None:
        """Raises EmoGeneError for an emotion that is asked for: the network hears it and takes none."""
        if not isinstance(emotion, Emotion) or not emotion.is_auto:
            raise EmoGeneError(
                "the official EmoTalk hears the emotion in the voice and cannot be told one: use --emotion "
                "auto, with --intensity, --emotalk-level 0 or 1 and --emotalk-person 0 to 23"
            )

    def __call__(self, speech: Speech, emotion: Emotion | Timeline, seed: int = 0) -> EmotionalSpeech:
        """Blendshapes at 30 fps, scaled by the emotion's intensity. EmoTalk hears the emotion itself and does
        not tell it from the words: nothing is said of labels or of the words alone."""
        self.check(emotion)
        assert isinstance(emotion, Emotion)
        shown = self.model.blendshapes(speech.samples, self.manner.level, self.manner.person, seed=None)
        shown = replace(shown, values=shown.values * np.float32(emotion.intensity))
        return EmotionalSpeech(
            blendshapes=shown,
            content=None,
            probabilities=np.zeros((len(shown), 0), np.float32),
            amounts=np.zeros((len(shown), len(LABELS)), np.float32),
            labels=(),
        )
