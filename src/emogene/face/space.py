"""An avatar's own landmark range: what its training video showed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class LandmarkSpace:
    """The landmarks seen in an avatar's video: the database of the LLE and the reach of its renderer.

    ``neutral [68, 3]``: the avatar's resting face; ``database [N, 68, 3]``: its training frames; ``origin
    [68, 3]``: what displacements are from, the resting face if not given. Canonical space, decimetres,
    float32.
    """

    neutral: np.ndarray
    database: np.ndarray
    origin: np.ndarray = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        if self.origin is None:
            object.__setattr__(self, "origin", self.neutral)

    @cached_property
    def mean(self) -> np.ndarray:
        """``[68, 3]`` mean of the database."""
        return self.database.mean(0)

    @cached_property
    def std(self) -> np.ndarray:
        """``[68, 3]`` unbiased standard deviation of the database."""
        return self.database.std(0, ddof=1)

    def quantile(self, q: float) -> np.ndarray:
        """``[68, 3]`` quantile of the database per coordinate (linear interpolation)."""
        return np.quantile(self.database, q, axis=0).astype(np.float32)
