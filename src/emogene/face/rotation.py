"""Rotation matrices and rotation vectors (axis times radians), without SciPy's, slow to import."""

import numpy as np


def from_vector(vector: np.ndarray) -> np.ndarray:
    """``[..., 3]`` to matrices ``[..., 3, 3]`` float64, by Rodrigues' formula."""
    vector = np.asarray(vector, np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    # sin(a) / a and (1 - cos a) / a^2, also where a is 0.
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * np.sinc(angle / 2 / np.pi) ** 2 * cross @ cross


def to_vector(matrix: np.ndarray) -> np.ndarray:
    """Matrices ``[..., 3, 3]`` to vectors ``[..., 3]`` float64 of at most pi radians.

    By way of the quaternion, from whichever of its four numbers is greatest (Shepperd 1978), so that half
    turns are exact too.
    """
    m = np.asarray(matrix, np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    x_w, y_w, z_w = (m[..., j, i] - m[..., i, j] for i, j in ((1, 2), (2, 0), (0, 1)))
    xy, xz, yz = (m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    w, x, y, z = 1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz
    # Rows of 4 q q': each is the quaternion (x, y, z, w) times four of its numbers.
    rows = np.stack([x, xy, xz, x_w, xy, y, yz, y_w, xz, yz, z, z_w, x_w, y_w, z_w, w], -1)
    rows = rows.reshape(*w.shape, 4, 4)
    best = np.stack([x, y, z, w], -1).argmax(-1)
    quaternion = np.take_along_axis(rows, best[..., None, None], -2)[..., 0, :]
    quaternion = quaternion * np.where(quaternion[..., 3:] < 0, -1, 1)
    sine = np.linalg.norm(quaternion[..., :3], axis=-1, keepdims=True)
    half = np.arctan2(sine, quaternion[..., 3:])
    # 2 half / sine, but for an angle of 0, where the quaternion's length stands for the cosine.
    length = np.linalg.norm(quaternion, axis=-1, keepdims=True)
    return quaternion[..., :3] * np.where(sine > 0, 2 * half / np.where(sine > 0, sine, 1), 2 / length)
