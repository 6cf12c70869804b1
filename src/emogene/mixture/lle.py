"""Step 2: locally linear embedding, a face described by the most similar faces of the avatar's own video.

Roweis and Saul, "Nonlinear dimensionality reduction by locally linear embedding", Science 290 (2000): a
point is rebuilt from its K nearest neighbours with affine weights (they sum to one).
"""

import numpy as np

from emogene.errors import EmoGeneError
from emogene.face.landmarks import PARTS

K = 10
RIDGE = 1e-6
_PAIRS_AT_ONCE = 2_000_000  # entries of the distance matrix held at a time


def nearest(queries: np.ndarray, database: np.ndarray, k: int = K) -> np.ndarray:
    """Rows of ``database [N, D]`` nearest to each of ``queries [T, D]``, nearest first: ``[T, k]``.

    By |d|^2 - 2 q.d, which is the squared distance but for a constant of each query. Constant memory in T.
    Raises EmoGeneError if N < k.
    """
    if len(database) < k:
        raise EmoGeneError(f"the avatar's video gives {len(database)} faces; its LLE needs at least {k}")
    # Centred, single precision is exact enough to tell neighbours apart.
    centre = database.mean(0)
    queries, database = (queries - centre).astype(np.float32), (database - centre).astype(np.float32)
    squares = (database**2).sum(1)
    step = max(1, _PAIRS_AT_ONCE // len(database))
    found = np.empty((len(queries), k), int)
    for start in range(0, len(queries), step):
        distance = (-2 * queries[start : start + step]) @ database.T
        distance += squares
        candidates = np.sort(np.argpartition(distance, k - 1, axis=1)[:, :k], axis=1)
        order = np.take_along_axis(distance, candidates, 1).argsort(axis=1, kind="stable")
        found[start : start + step] = np.take_along_axis(candidates, order, 1)
    return found


def affine_weights(queries: np.ndarray, neighbours: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """Weights ``[T, K]`` summing to one that rebuild ``queries [T, D]`` from ``neighbours [T, K, D]``.

    Least squares of the offsets from the first neighbour, with ``ridge`` on the diagonal of the normal
    equations. With ``ridge=0`` and neighbours that depend on each other, the smallest such weights.
    """
    basis = neighbours[:, 1:] - neighbours[:, :1]
    offset = (queries - neighbours[:, 0])[..., None]
    if ridge > 0:
        normal = basis @ basis.swapaxes(1, 2) + ridge * np.eye(basis.shape[1])
        others = np.linalg.solve(normal, basis @ offset)[..., 0]
    else:
        others = (np.linalg.pinv(basis.swapaxes(1, 2)) @ offset)[..., 0]
    return np.concatenate([1 - others.sum(1, keepdims=True), others], axis=1)


def project(queries: np.ndarray, database: np.ndarray, k: int = K, ridge: float = RIDGE) -> np.ndarray:
    """``queries [T, D]`` rebuilt from their ``k`` nearest rows of ``database [N, D]``: ``[T, D]``, float64.

    Unit free; the ridge is meant for centimetres (the papers' "x10 scale"). Any T, also 0 and 1.
    """
    queries, database = queries.astype(np.float64), database.astype(np.float64)
    result = np.empty_like(queries)
    for start in range(0, len(queries), 1000):
        chunk = queries[start : start + 1000]
        neighbours = database[nearest(chunk, database, k)]
        weights = affine_weights(chunk, neighbours, ridge)
        result[start : start + 1000] = (weights[:, None] @ neighbours)[:, 0]
    return result


def project_parts(
    faces: np.ndarray, database: np.ndarray, parts: tuple[slice, ...], k: int = K, ridge: float = RIDGE
) -> np.ndarray:
    """Face-parts disentangled LLE: :func:`project` of each part by itself, ``[T, 68, 3] -> [T, 68, 3]``.

    Every part finds its own neighbours in ``database [N, 68, 3]``, so that the mouth of one frame may go
    with the brows of another. Points in no part stay.
    """
    result = faces.astype(np.float64)
    for part in parts:
        rows = database[:, part].reshape(len(database), -1)
        result[:, part] = project(faces[:, part].reshape(len(faces), -1), rows, k, ridge).reshape(
            result[:, part].shape
        )
    return result


def blend(faces: np.ndarray, projected: np.ndarray, share: float) -> np.ndarray:
    """``share`` of the projection, the rest of the faces."""
    return share * projected + (1 - share) * faces


EVERY_PART: tuple[slice, ...] = tuple(PARTS.values())
