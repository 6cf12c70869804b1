"""Stage 2 of the reference system: GeneFace++'s audio to motion, from an official checkpoint."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emogene.audio import Speech
from emogene.clock import VIDEO_FPS, frame_count
from emogene.errors import EmoGeneError
from emogene.face.space import LandmarkSpace
from emogene.reference.audio2motion import HUBERT, OfficialAudio2Motion, hubert_file
from emogene.reference.checkpoint import latest_checkpoint
from emogene.reference.face_model import LinearFaceModel
from emogene.reference.space import BaselSpace
from emogene.weights.places import located


@dataclass(frozen=True)
class ReferenceLips:
    """HuBERT and Praat's pitch to the Basel model's expressions; a :class:`LipModel`."""

    model: OfficialAudio2Motion
    weights: tuple[Path, ...] = ()
    """The files that it was opened from."""

    @classmethod
    def open(cls, checkpoint: Path, hubert: Path | None = None, device: str = "cpu") -> "ReferenceLips":
        """``checkpoint``: the file or its folder; ``hubert``: the encoder's folder (default: among the
        user's own files)."""
        files = latest_checkpoint(checkpoint), hubert_file(hubert or located(HUBERT))
        return cls(OfficialAudio2Motion.open(*files, device), files)

    def stream(self, space: LandmarkSpace, seed: int = 0) -> "ReferenceLipStream":
        """Begin a recording, for an avatar that has a Basel face model."""
        if not isinstance(space, BaselSpace):
            raise EmoGeneError(
                "the official audio-to-motion network moves imported avatars only; "
                "make one by `emogene avatar import`"
            )
        return ReferenceLipStream(self.model, space.model, seed)


class ReferenceLipStream:
    """One recording; the network hears all of it at once. HuBERT hears the left channel, as the official
    code's does."""

    def __init__(self, model: OfficialAudio2Motion, face: LinearFaceModel, seed: int) -> None:
        self._model, self._face, self._seed = model, face, seed
        self._samples: list[np.ndarray] = []

    def push(self, speech: Speech) -> np.ndarray | None:
        """Nothing until the end; then all faces, the last held where the network's multiple of four frames
        ends early."""
        if speech.samples is not None:
            self._samples.append(speech.samples)
        if speech.end is None:
            return None
        left = None if speech.source is None else speech.source.left()
        expression = self._model(np.concatenate(self._samples), seed=self._seed, left=left)
        if expression.shape[1] != len(self._face.expression_basis):
            raise EmoGeneError(
                f"the audio-to-motion checkpoint gives {expression.shape[1]} coefficients; "
                f"the avatar's face model has {len(self._face.expression_basis)}"
            )
        frames = frame_count(speech.end, VIDEO_FPS)
        held = expression[np.minimum(np.arange(frames), len(expression) - 1)]
        return self._face.landmarks(np.ones(1, np.float32), held)
