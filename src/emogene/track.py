"""A thing over time, and the only type there is for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

import numpy as np

from emogene.clock import resample


@dataclass(frozen=True)
class Track:
    """``values [T, C, ...]`` float32, a name for each of the C columns; frame t is at ``t / fps`` seconds.

    ``unit``: of the values, as in "dm", "dB", "rad", "weight" (of a blendshape), "share", "probability".
    ValueError where names and columns do not agree.
    """

    values: np.ndarray
    names: tuple[str, ...]
    fps: Fraction
    unit: str

    def __post_init__(self) -> None:
        if self.values.ndim < 2 or self.values.shape[1] != len(self.names):
            raise ValueError(f"{len(self.names)} names for values of shape {list(self.values.shape)}")

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, frames: slice) -> Self:
        """A stretch of it, whose first frame is at 0 seconds again."""
        return replace(self, values=self.values[frames])

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame to the end of the last."""
        return Fraction(len(self)) / self.fps

    def column(self, name: str) -> np.ndarray:
        """The values ``[T, ...]`` of one name. KeyError where there is none."""
        if name not in self.names:
            raise KeyError(name)
        return self.values[:, self.names.index(name)]

    def resample(self, fps: Fraction, frames: int) -> Self:
        """The same at another rate, exactly ``frames`` long: linear in between, the ends are held."""
        if fps == self.fps and frames == len(self):
            return self
        return replace(self, values=resample(self.values, self.fps, fps, frames), fps=fps)

    def mean(self) -> dict[str, float]:
        """The mean over time of every column of numbers, by name."""
        return dict(zip(self.names, self.values.mean(0).tolist(), strict=True))

    @classmethod
    def join(cls, pieces: Sequence[Self]) -> Self:
        """Pieces that follow each other as one. ValueError where they are not of one kind, or none."""
        if not pieces:
            raise ValueError("no pieces to join")
        first = pieces[0]
        if any((p.names, p.fps, p.unit) != (first.names, first.fps, first.unit) for p in pieces):
            raise ValueError("pieces of different tracks cannot be joined")
        return replace(first, values=np.concatenate([piece.values for piece in pieces]))
