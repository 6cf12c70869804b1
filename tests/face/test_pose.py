from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from emogene.face.camera import Camera
from emogene.face.pose import HeadPose


def wander(frames: int, seed: int = 0) -> HeadPose:
    draw = np.random.default_rng(seed)
    track = gaussian_filter1d(np.cumsum(draw.normal(0, 0.02, (frames, 6)), 0), 3, axis=0)
    rotation = Rotation.from_rotvec(track[:, :3]).as_matrix().astype(np.float32)
    return HeadPose(rotation, track[:, 3:].astype(np.float32), Fraction(25))


def test_camera_axes():
    camera = Camera.of_image(100, 80)
    np.testing.assert_allclose(camera.project(np.array([0.0, 0, -5])), [50, 40])
    right, up = camera.project(np.array([[1.0, 0, -5], [0, 1, -5]]))
    assert right[0] > 50 and up[1] < 40
    pixels = np.array([[3.0, 70.0]])
    np.testing.assert_allclose(camera.project(camera.unproject(pixels, np.array([-18.0]))), pixels)


def test_head_and_camera_frames_are_inverse():
    pose = wander(9)
    points = np.random.default_rng(1).normal(size=(9, 68, 3))
    np.testing.assert_allclose(pose.to_head(pose.to_camera(points)), points, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(2, 200), length=st.integers(1, 800), turn=st.floats(0.1, 3))
def test_to_and_fro_has_no_jump(frames, length, turn):
    pose = wander(frames)
    loop = pose.to_and_fro(np.arange(length), turn)
    assert len(loop) == length
    np.testing.assert_allclose(loop.translation[0], pose.translation[0], atol=1e-6)
    fastest = np.abs(np.diff(pose.translation, axis=0)).max()
    assert np.abs(np.diff(loop.translation, axis=0)).max(initial=0) <= fastest + 1e-5
    np.testing.assert_allclose(np.linalg.det(loop.rotation), 1, atol=1e-5)


def test_to_and_fro_has_no_jump_in_velocity():
    pose = wander(100)
    steady = HeadPose(pose.rotation, np.linspace(0, 1, 100, dtype=np.float32)[:, None].repeat(3, 1))
    velocity = np.diff(steady.to_and_fro(np.arange(1000)).translation[:, 0])
    assert np.abs(np.diff(velocity)).max() < 0.06 * np.abs(velocity).max()


def test_a_track_is_seen_at_any_time():
    """Between two frames too, and at another speed."""
    pose, time = wander(60), np.arange(300)
    loop = pose.to_and_fro(time)
    np.testing.assert_allclose(pose.to_and_fro(time[37:237]).translation, loop.translation[37:237], atol=1e-6)
    between = pose.to_and_fro(time + 0.5).translation
    steps = np.linalg.norm(np.diff(loop.translation, axis=0), axis=1)
    assert (np.linalg.norm(between[:-1] - loop.translation[:-1], axis=1) <= steps.max()).all()
    halfway = pose.at(np.array([10.5]))
    np.testing.assert_allclose(halfway.translation[0], pose.translation[10:12].mean(0), atol=1e-6)
    np.testing.assert_allclose(pose.at(np.array([0.0, 59.0])).rotation, pose.rotation[[0, 59]], atol=1e-6)


def test_turning_about_a_pivot_leaves_it_where_it_is():
    pose, pivot = wander(40), np.array([0.0, -0.5, -0.9])
    turns = np.random.default_rng(2).normal(0, 0.1, (40, 3))
    turned = pose.turned(turns, pivot)
    np.testing.assert_allclose(turned.to_camera(pivot[None]), pose.to_camera(pivot[None]), atol=1e-6)
    angle = Rotation.from_matrix(np.swapaxes(pose.rotation, 1, 2) @ turned.rotation).magnitude()
    np.testing.assert_allclose(angle, np.linalg.norm(turns, axis=1), atol=1e-5)


def test_one_frame_is_still():
    loop = wander(1).to_and_fro(np.arange(7))
    np.testing.assert_array_equal(loop.rotation, np.repeat(wander(1).rotation, 7, 0))


def test_smoothing_lowers_jitter_and_keeps_a_still_head():
    draw = np.random.default_rng(0)
    noisy = HeadPose(
        Rotation.from_rotvec(draw.normal(0, 0.01, (50, 3))).as_matrix().astype(np.float32),
        draw.normal(0, 0.1, (50, 3)).astype(np.float32),
    )
    smooth = noisy.smooth(2)
    assert (
        np.abs(np.diff(smooth.translation, axis=0)).mean()
        < np.abs(np.diff(noisy.translation, axis=0)).mean() / 3
    )
    still = noisy[np.zeros(5, int)]
    np.testing.assert_allclose(still.smooth(2).rotation, still.rotation, atol=1e-6)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="pose"):
        HeadPose(np.zeros((3, 3, 3)), np.zeros((2, 3)))


def test_the_source_of_poses_is_kept_as_long_as_they_are_the_videos():
    poses = HeadPose(np.repeat(np.eye(3, dtype=np.float32)[None], 6, 0), np.zeros((6, 3), np.float32))
    filmed = HeadPose(poses.rotation, poses.translation, source=np.arange(6))
    np.testing.assert_array_equal(filmed[2:4].source, [2, 3])
    np.testing.assert_array_equal(filmed[np.array([5, 0, 0])].source, [5, 0, 0])
    joined = HeadPose.join([filmed[4:], filmed[:1]])
    np.testing.assert_array_equal(joined.source, [4, 5, 0])
    assert len(joined) == 3
    assert HeadPose.join([filmed, poses]).source is None
    assert filmed.turned(np.full((6, 3), 0.1), np.zeros(3)).source is None
    assert filmed.smooth(1.0).source is None
    with pytest.raises(ValueError, match="frames of a video"):
        HeadPose(poses.rotation, poses.translation, source=np.arange(5))


def test_poses_that_follow_each_other_are_one_track():
    random = np.random.default_rng(0)
    poses = HeadPose(np.repeat(np.eye(3, dtype=np.float32)[None], 5, 0), random.normal(size=(5, 3)))
    joined = HeadPose.join([poses[:2], poses[2:]])
    np.testing.assert_array_equal(joined.translation, poses.translation)
    for wrong in ([], [poses, HeadPose(poses.rotation, poses.translation, Fraction(50))]):
        with pytest.raises(ValueError, match="rates"):
            HeadPose.join(wrong)
