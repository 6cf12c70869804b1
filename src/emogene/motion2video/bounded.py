"""Least squares within bounds: the least x' H x / 2 - b' x with low <= x <= high, for many b."""

import numpy as np


def minimise(normal: np.ndarray, pull: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """``normal [K, K]`` positive definite, ``pull [T, K]``, bounds ``[K]`` -> ``[T, K]`` float64.

    Each row is solved from the same start, so that a row does not depend on its neighbours.
    """
    from emogene.motion2video.bounded_cpu import descend

    result = np.empty(pull.shape)
    descend(normal, np.ascontiguousarray(pull, np.float64), low, high, result)
    return result


def minimise_scipy(normal: np.ndarray, pull: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The same by SciPy, the oracle of the kernel."""
    from scipy.optimize import lsq_linear  # a fifth of a second, for the oracle alone

    root = np.linalg.cholesky(normal).T
    wanted = np.linalg.solve(root.T, pull.T).T
    return np.stack([lsq_linear(root, row, (low, high), method="bvls", tol=1e-12).x for row in wanted])
