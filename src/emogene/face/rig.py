"""The blendshape rig: ARKit weights to displacements of the 68 points."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from emogene.face.head import HeadModel


@dataclass(frozen=True)
class Rig:
    """``basis [52, 68, 3]`` float32: what each ARKit shape at 1 adds to a resting face, decimetres."""

    basis: np.ndarray

    @classmethod
    def embedded(cls) -> Self:
        """That of the head model, for any face."""
        return cls(HeadModel.embedded().landmark_basis)

    @classmethod
    def of_person(cls, linear: np.ndarray) -> Self:
        """The head model's, laid on a person by ``linear [3, 3]`` as their mesh is."""
        return cls((HeadModel.embedded().landmark_basis @ linear.T).astype(np.float32))

    def displacement(self, weights: np.ndarray) -> np.ndarray:
        """What ARKit ``weights [T, 52]`` add to the face: ``[T, 68, 3]`` float32, decimetres."""
        return np.tensordot(weights, self.basis, 1).astype(np.float32, copy=False)
