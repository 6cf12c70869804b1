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

    ``base [13, N]`` float32; ``motion [7, K, N]``: change of the rows DYNAMIC per unit of the condition,
    float32, or int8 with ``scale [7, K]`` float32 to multiply it by; ``groups [N]`` uint8, see :class:`Group`.
    """

    base: np.ndarray
    motion: np.ndarray
    scale: np.ndarray
    groups: np.ndarray

    @classmethod
    def still(cls, base: np.ndarray, groups: np.ndarray, components: int) -> "Gaussians":
        """Splats that nothing moves yet."""
        motion = np.zeros((len(DYNAMIC), components, base.shape[1]), np.float32)
        return cls(base, motion, np.ones(motion.shape[:2], np.float32), groups)

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
        coefficients = np.ascontiguousarray(self.scale * condition.astype(np.float32))
        evaluate(self.base, self.motion, coefficients, np.array(DYNAMIC), out)
        return out

    def chosen(self, which: np.ndarray) -> "Gaussians":
        """The splats of an index or mask ``which``, as a set of their own."""
        base, motion = (np.ascontiguousarray(x[..., which]) for x in (self.base, self.motion))
        return Gaussians(base, motion, self.scale, self.groups[which])

    def quantised(self, quantile: float = 0.9995) -> "Gaussians":
        """With motion in 8 bits, an eighth of the size; each component of a row has its own scale.

        The rarest values above ``quantile`` are clipped. The base is rounded to half precision.
        """
        full = self.motion * self.scale[..., None].astype(np.float32)
        scale = np.quantile(np.abs(full), quantile, axis=2).astype(np.float32) / 127
        codes = np.round(full / np.maximum(scale, 1e-12)[..., None]).clip(-127, 127).astype(np.int8)
        return Gaussians(self.base.astype(np.float16).astype(np.float32), codes, scale, self.groups)
