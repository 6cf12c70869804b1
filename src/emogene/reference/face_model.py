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

    def fit_expression(self, displacement: np.ndarray, ridge: float = 1e-6) -> np.ndarray:
        """Expression ``[T, E]`` whose displacement is nearest to ``[T, 68, 3]``."""
        basis = self.expression_basis.reshape(len(self.expression_basis), -1).astype(np.float64)
        normal = basis @ basis.T + ridge * np.eye(len(basis))
        wanted = basis @ displacement.reshape(len(displacement), -1).T
        return np.linalg.solve(normal, wanted).T.astype(np.float32)
