import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from emogene.errors import EmoGeneError
from emogene.face.camera import Camera
from emogene.face.canonical import STABLE, canonicalise
from emogene.face.landmarks import OUTER_EYE_CORNERS
from emogene.face.mean import mean_face
from emogene.face.mirror import mirror
from emogene.face.pose import HeadPose

SIZE = (360, 288)


def tracks_of(pose: HeadPose, points: np.ndarray) -> np.ndarray:
    """What a tracker with weak-perspective depth sees of ``points`` in ``pose``."""
    camera = Camera.of_image(*SIZE)
    seen = pose.to_camera(points)
    pixels_per_unit = camera.focal / -seen[..., 2:].mean(1, keepdims=True)
    depth = -(seen[..., 2:] - seen[..., 2:].mean(1, keepdims=True)) * pixels_per_unit
    return np.concatenate([camera.project(seen), depth], -1)


def poses(frames: int, angle: float, seed: int = 0) -> HeadPose:
    draw = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(draw.uniform(-angle, angle, (frames, 3))).as_matrix()
    shift = draw.uniform(-1, 1, (frames, 3)) + np.array([0, 0, -18])
    return HeadPose(turns.astype(np.float32), shift.astype(np.float32))


def test_mean_face_defines_the_space():
    face = mean_face()
    right, left = OUTER_EYE_CORNERS
    np.testing.assert_allclose(face.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(face[left] - face[right], [0.9, 0, 0], atol=1e-6)
    np.testing.assert_allclose(mirror(face), face, atol=1e-6)
    assert face[30, 2] > face[0, 2], "the nose points at the viewer"
    assert face[8, 1] < face[27, 1], "the chin is below the nose"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), angle=st.floats(0, 0.4))
def test_recovers_a_known_pose_and_shape(seed, angle):
    truth = poses(4, angle, seed)
    found = canonicalise(tracks_of(truth, mean_face()), SIZE, sigma=0, template=mean_face())
    np.testing.assert_allclose(found.pose.rotation, truth.rotation, atol=0.01)
    np.testing.assert_allclose(found.pose.translation[:, :2], truth.translation[:, :2], atol=0.02)
    np.testing.assert_allclose(found.pose.translation[:, 2], truth.translation[:, 2], rtol=0.01)
    assert np.abs(found.motion.points - mean_face()).max() < 0.02


def test_canonical_points_project_back_to_the_tracked_pixels():
    draw = np.random.default_rng(3)
    tracked = tracks_of(poses(30, 0.2), mean_face() + draw.normal(0, 0.02, (30, 68, 3)))
    found = canonicalise(tracked, SIZE, sigma=1.0)
    np.testing.assert_allclose(found.project(), tracked[..., :2], atol=1e-3)


def test_expression_does_not_move_the_pose():
    truth = poses(8, 0.2)
    moving = np.repeat(mean_face()[None], 8, 0)
    moving[:, 48:68, 1] -= np.linspace(0, 0.2, 8)[:, None]
    a = canonicalise(tracks_of(truth, moving), SIZE, sigma=0, template=mean_face())
    b = canonicalise(tracks_of(truth, mean_face()), SIZE, sigma=0, template=mean_face())
    np.testing.assert_allclose(a.pose.rotation, b.pose.rotation, atol=2e-3)


def test_smoothing_stops_at_clip_boundaries():
    face = mean_face()
    still = [
        HeadPose(np.eye(3, dtype=np.float32)[None].repeat(5, 0), np.full((5, 3), t, np.float32))
        for t in (-17, -19)
    ]
    still = [HeadPose(p.rotation, p.translation * np.array([0, 0, 1], np.float32)) for p in still]
    tracked = np.concatenate([tracks_of(p, face) for p in still])
    found = canonicalise(tracked, SIZE, offsets=np.array([0, 5, 10]), sigma=2.0, template=face)
    np.testing.assert_allclose(found.pose.translation[:5, 2], found.pose.translation[0, 2], atol=1e-4)
    np.testing.assert_allclose(found.pose.translation[5:, 2], found.pose.translation[9, 2], atol=1e-4)


def test_another_face_size_is_absorbed_by_distance():
    big = mean_face() * 1.3
    found = canonicalise(tracks_of(poses(10, 0.1), big), SIZE, sigma=0)
    right, left = OUTER_EYE_CORNERS
    width = np.linalg.norm(found.motion.points[:, left] - found.motion.points[:, right], axis=-1)
    np.testing.assert_allclose(width, 0.9, atol=0.02)


@pytest.mark.parametrize("bad", [np.zeros((0, 68, 3)), np.zeros((4, 60, 3)), np.full((2, 68, 3), np.nan)])
def test_bad_tracks_are_one_line_errors(bad):
    with pytest.raises(EmoGeneError) as error:
        canonicalise(bad, SIZE)
    assert "\n" not in str(error.value)


def test_stable_points_come_in_mirror_pairs():
    from emogene.face.mirror import MIRROR_POINTS

    assert set(MIRROR_POINTS[STABLE]) == set(STABLE)
