"""Similarity alignment of point sets."""

import numpy as np


def align(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The similarity that takes ``source [..., P, 3]`` onto ``target [..., P, 3]`` in least squares.

    ``weights [P]`` are the points' shares (default: equal). Returns scale ``[...]``, rotation
    ``[..., 3, 3]`` and translation ``[..., 3]`` with ``target ~ scale * R source + translation`` (Umeyama,
    PAMI 1991; no reflections).
    """
    weights = np.ones(source.shape[-2]) if weights is None else weights
    share = (weights / weights.sum())[:, None]
    source_mean, target_mean = (source * share).sum(-2), (target * share).sum(-2)
    a, b = source - source_mean[..., None, :], target - target_mean[..., None, :]
    u, s, vt = np.linalg.svd(np.swapaxes(b * share, -1, -2) @ a)
    sign = np.ones_like(s)
    sign[..., 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[..., None, :]) @ vt
    scale = (s * sign).sum(-1) / (a**2 * share).sum((-1, -2))
    translation = target_mean - scale[..., None] * (rotation @ source_mean[..., None])[..., 0]
    return scale, rotation, translation


def transform(
    points: np.ndarray, scale: np.ndarray, rotation: np.ndarray, translation: np.ndarray
) -> np.ndarray:
    """Apply what :func:`align` returned to ``[..., P, 3]``."""
    return scale[..., None, None] * points @ np.swapaxes(rotation, -1, -2) + translation[..., None, :]
