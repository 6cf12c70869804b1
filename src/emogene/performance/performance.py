"""Everything that a renderer, a panel or an exported file is told, and all that it is told."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np

from emogene.face.landmarks import Landmarks
from emogene.face.pose import HeadPose
from emogene.track import Track


@dataclass(frozen=True)
class Performance:
    """What an avatar's face does: T frames of every track, all at one ``fps``; frame t is at t / fps seconds.

    Landmarks are in the canonical space (:mod:`emogene.face`), decimetres. A stretch of a longer performance
    (as a stream hands them out) is a performance too.
    """

    landmarks: Landmarks
    """What is shown: lips and emotion mixed, with the blinks."""
    lips: Landmarks
    """The lip-synced landmarks alone, GeneFace++'s face, with the same blinks."""
    emotion: Landmarks
    """The emotion branch's face alone, with the words it moves by and no blinks."""
    speech_shapes: Track
    """ARKit weights ``[T, 52]`` of the words alone."""
    emotion_shapes: Track
    """ARKit weights ``[T, 52]`` of the emotion alone, as far as speech leaves room for it at the mouth;
    browInnerUp may be negative, others above 1. Both together: :attr:`blendshapes`."""
    blink: Track
    """How closed the eyes are ``[T, 1]``: 0 open, 1 shut; already in :attr:`landmarks`."""
    gaze: Track
    """Where the eyes look ``[T, 2]``, radians in the head frame: to the viewer's right, and up."""
    head: HeadPose
    loudness: Track
    """Of the voice ``[T, 1]``, dB of full scale; -80 is silence."""
    heard: Track | None
    """Probability of each emotion in the voice ``[T, 8]``; None where no model tells."""
    shown: Track | None
    """How strongly the face shows each emotion ``[T, 9]``, 0 to 2; None where no model tells."""

    def __post_init__(self) -> None:
        lengths = {name: (len(part), part.fps) for name, part in self._parts()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"tracks of one performance differ in length or rate: {lengths}")

    def __len__(self) -> int:
        return len(self.landmarks)

    def __getitem__(self, frames: slice) -> Self:
        def cut(name: str) -> Any:
            part = getattr(self, name)
            return None if part is None else part[frames]

        return type(self)(**{f.name: cut(f.name) for f in fields(self)})

    @property
    def fps(self) -> Fraction:
        return self.landmarks.fps

    @property
    def blendshapes(self) -> Track:
        """ARKit weights ``[T, 52]``, words, emotion and blinks together, each 0 to 1 as others expect."""
        together = np.clip(self.speech_shapes.values + self.emotion_shapes.values, 0, 1)
        for name in ("eyeBlinkLeft", "eyeBlinkRight"):
            column = self.speech_shapes.names.index(name)
            together[:, column] = np.maximum(together[:, column], self.blink.values[:, 0])
        return Track(together, self.speech_shapes.names, self.fps, "weight")

    def without_emotion(self) -> Self:
        """The same with the lips alone: what GeneFace++ would show."""
        nothing = replace(self.emotion_shapes, values=np.zeros_like(self.emotion_shapes.values))
        shown = self.shown and replace(self.shown, values=np.zeros_like(self.shown.values))
        return replace(self, landmarks=self.lips, emotion_shapes=nothing, shown=shown)

    @classmethod
    def join(cls, pieces: Sequence[Self]) -> Self:
        """Stretches that follow each other as one. ValueError for none."""
        if not pieces:
            raise ValueError("no pieces to join")

        def joined(name: str) -> Any:
            parts = [getattr(piece, name) for piece in pieces]
            return None if parts[0] is None else type(parts[0]).join(parts)

        return cls(**{f.name: joined(f.name) for f in fields(cls)})

    def _parts(self) -> list[tuple[str, "Track | HeadPose"]]:
        return [(f.name, part) for f in fields(self) if (part := getattr(self, f.name)) is not None]


def in_blocks(performances: Iterable[Performance], frames: int) -> Iterator[Performance]:
    """The same in stretches of at most so many ``frames``: what is computed of them is bounded."""
    for performance in performances:
        for first in range(0, len(performance), frames):
            yield performance[first : first + frames]
