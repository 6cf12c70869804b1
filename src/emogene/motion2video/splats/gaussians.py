"""A set of splats whose position, opacity and colour are linear in a condition."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from emogene.motion2video.splats.layout import DYNAMIC, ROWS


class Group(IntEnum):
    """What a splat belongs to: what moves it, and what may be in front of it."""

    SKIN = 0
    UPPER_LIP = 1
    """Skin around the mouth that goes with the upper lip."""
    LOWER_LIP = 2
    INTERIOR = 3
    """Teeth, tongue and the dark of the mouth."""
    EYES = 4
    """Between the lids."""
    HAIR = 5
    REST = 6
    """Ears and neck: the head without a face."""
    BACKING = 7
    """Behind the surface, seen where it parts."""
    TORSO = 8


@dataclass(frozen=True)
class Gaussians:
    """``N`` splats (see :mod:`.layout`) for a condition of ``K`` numbers.

    ``base [13, N]`` float32; ``motion [7, K, N]`` float32: change of the rows DYNAMIC per unit of the
    condition; ``groups [N]`` uint8, see :class:`Group`.
    """

    base: np.ndarray
    motion: np.ndarray
    groups: np.ndarray

    @classmethod
    def still(cls, base: np.ndarray, groups: np.ndarray, components: int) -> "Gaussians":
        """Splats that nothing moves yet."""
        motion = np.zeros((len(DYNAMIC), components, base.shape[1]), np.float32)
        return cls(base, motion, groups)

    def __post_init__(self) -> None:
        count, components = self.base.shape[1], self.motion.shape[1]
        if self.base.shape[0] != ROWS or self.motion.shape != (len(DYNAMIC), components, count):
            raise ValueError(f"splats of shapes {self.base.shape} and {self.motion.shape}")

    def __len__(self) -> int:
        return self.base.shape[1]

    def at(self, condition: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The splats ``[13, N]`` float32 for a condition ``[K]``, in ``out`` if given."""
        from emogene.motion2video.splats.cpu import evaluate

        out = np.empty_like(self.base) if out is None else out
        evaluate(self.base, self.motion, np.ascontiguousarray(condition, np.float32), np.array(DYNAMIC), out)
        return out

    def chosen(self, which: np.ndarray) -> "Gaussians":
        """The splats of an index or mask ``which``, as a set of their own."""
        base, motion = (np.ascontiguousarray(x[..., which]) for x in (self.base, self.motion))
        return Gaussians(base, motion, self.groups[which])
