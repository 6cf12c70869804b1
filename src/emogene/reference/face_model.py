"""A linear face model: mean, people and expressions. Official avatars speak in the Basel face model's."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinearFaceModel:
    """``mean [68, 3]``, ``identity_basis [I, 68, 3]``, ``expression_basis [E, 68, 3]``, float32, decimetres.

    In the Basel face model (:func:`emogene.reference.bfm.load_bfm`) coefficients are those of GeneFace++, and
    the space is the model's own.
    """

    mean: np.ndarray
    identity_basis: np.ndarray
    expression_basis: np.ndarray

    def displacement(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """``[T, 68, 3]`` away from the mean, for identity ``[I]`` or ``[T, I]`` and expression ``[T, E]``."""
        person = np.tensordot(identity, self.identity_basis, 1)
        motion = np.tensordot(expression, self.expression_basis, 1)
        return (person + motion).astype(np.float32)

    def landmarks(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """The 68 points ``[T, 68, 3]``, for identity ``[I]`` or ``[T, I]`` and expression ``[T, E]``."""
        return self.mean + self.displacement(identity, expression)
