"""An avatar's own landmark range: what its training video showed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emogene.reference.face_model import LinearFaceModel


@dataclass(frozen=True)
class LandmarkSpace:
    """The landmarks seen in an avatar's video: the database of the LLE and the reach of its renderer.

    ``neutral [68, 3]``: the avatar's resting face; ``database [N, 68, 3]``: its training frames.
    Both canonical space, decimetres, float32. ``model``: of avatars made from official checkpoints, whose
    space is that of the Basel face model: its mean face, this person as the only identity, its expressions.
    """

    neutral: np.ndarray
    database: np.ndarray
    model: LinearFaceModel | None = None

    @property
    def origin(self) -> np.ndarray:
        """``[68, 3]`` what the reference system's displacements are from: the mean face, where known."""
        return self.neutral if self.model is None else self.model.mean

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
