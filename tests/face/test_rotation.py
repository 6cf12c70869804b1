import numpy as np
from scipy.spatial.transform import Rotation

from emogene.face.rotation import from_vector, to_vector


def vectors() -> np.ndarray:
    """Of every length up to half a turn, some of them very short."""
    draw = np.random.default_rng(0)
    axis = draw.standard_normal((500, 3))
    length = np.concatenate([draw.uniform(0, np.pi - 1e-6, 400), 10.0 ** draw.uniform(-12, -3, 100)])
    return axis / np.linalg.norm(axis, axis=1, keepdims=True) * length[:, None]


def test_matrices_are_scipys():
    np.testing.assert_allclose(
        from_vector(vectors()), Rotation.from_rotvec(vectors()).as_matrix(), atol=1e-14
    )


def test_vectors_come_back():
    np.testing.assert_allclose(to_vector(from_vector(vectors())), vectors(), atol=1e-9)
    assert to_vector(from_vector(np.full((2, 3, 3), 0.1))).shape == (2, 3, 3)


def test_no_turn_and_half_turns():
    half = np.pi * np.eye(3)
    np.testing.assert_allclose(to_vector(from_vector(half)), half, atol=1e-12)
    np.testing.assert_array_equal(to_vector(np.eye(3)), np.zeros(3))
    np.testing.assert_array_equal(from_vector(np.zeros(3)), np.eye(3))


def test_rounded_matrices_are_read_as_well():
    rounded = from_vector(vectors()[:400]).astype(np.float32)
    again = from_vector(to_vector(rounded))
    np.testing.assert_allclose(again, rounded, atol=5e-7)
