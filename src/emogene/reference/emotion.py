"""Stage 1 of the reference system: the official EmoTalk."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from emogene.audio import Speech
from emogene.emotalk import Emotion, Timeline
from emogene.errors import EmoGeneError
from emogene.face.felt import EmotionalSpeech
from emogene.reference.emotalk import LEVELS, PERSONS, OfficialEmoTalk, load_emotalk


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
    """An :class:`EmotionModel` that hears the emotion itself, does not tell it from the words and names none;
    smoothing is left to the mixture, blinks to the avatar's body."""

    model: OfficialEmoTalk
    manner: Manner = Manner()
    weights: tuple[Path, ...] = ()
    """The files that it was opened from."""

    @classmethod
    def open(
        cls,
        checkpoint: Path,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        manner: Manner = Manner(),
    ) -> "ReferenceEmotion":
        """See :func:`load_emotalk`."""
        return cls(load_emotalk(checkpoint, device, dtype), manner, (checkpoint,))

    def stream(self, emotion: Emotion | Timeline | None = None, seed: int = 0) -> "ReferenceEmotionStream":
        """Begin a recording. Raises EmoGeneError for an emotion that is asked for: it takes none but an
        intensity."""
        return ReferenceEmotionStream(self.model, self.manner, heard(emotion or Emotion()).intensity)


def heard(emotion: Emotion | Timeline) -> Emotion:
    """``emotion`` if it is auto. EmoGeneError for any that is asked for."""
    if not isinstance(emotion, Emotion) or not emotion.is_auto:
        raise EmoGeneError(
            "the official EmoTalk hears the emotion in the voice and cannot be told one: use --emotion "
            "auto, with --intensity, --emotalk-level 0 or 1 and --emotalk-person 0 to 23"
        )
    return emotion


class ReferenceEmotionStream:
    """One recording; the network hears all of it at once."""

    def __init__(self, model: OfficialEmoTalk, manner: Manner, intensity: float) -> None:
        self._model, self._manner, self._intensity = model, manner, intensity
        self._samples: list[np.ndarray] = []

    def push(self, speech: Speech) -> EmotionalSpeech:
        """Nothing until the end; then all blendshapes, at 30 fps, scaled by the intensity."""
        if speech.samples is not None:
            self._samples.append(speech.samples)
        if speech.end is None:
            return EmotionalSpeech.nothing()
        samples = np.concatenate(self._samples)
        shown = self._model.blendshapes(samples, self._manner.level, self._manner.person, seed=None)
        return EmotionalSpeech(emotion=replace(shown, values=shown.values * np.float32(self._intensity)))
