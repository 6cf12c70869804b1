from fractions import Fraction

import numpy as np
import pytest
from emogene.face.gesture import DOWN, NOD, SWAY, gesture, speaking_pose
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from emogene.face.pose import HeadPose

FPS = Fraction(25)


def still(frames: int = 50) -> HeadPose:
    return HeadPose(np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)), np.zeros((frames, 3), np.float32))


def degrees(rotation: np.ndarray) -> np.ndarray:
    return np.degrees(np.linalg.norm(rotation, axis=1))


def talk(frames: int) -> np.ndarray:
    """A voice that speaks two seconds in four."""
    return gaussian_filter1d((np.arange(frames) // 50 % 2 == 0).astype(np.float32), 6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 700))
def test_it_is_small_smooth_and_the_same_for_the_same_seed(seed, frames):
    accents = np.arange(10, frames, 25)
    rotation = gesture(talk(frames), accents, FPS, seed)
    assert rotation.shape == (frames, 3)
    np.testing.assert_array_equal(rotation, gesture(talk(frames), accents, FPS, seed))
    assert (np.abs(rotation) <= SWAY + [NOD, 0, 0] + 1e-9).all()
    assert degrees(np.diff(rotation, axis=0)).max(initial=0) * 25 < 12  # degrees a second
    assert degrees(np.diff(rotation, 2, axis=0)).max(initial=0) * 625 < 150


def test_seeds_differ_and_a_longer_one_begins_like_a_shorter_one():
    accents = np.array([30, 80])
    first, second = (gesture(talk(300), accents, FPS, seed) for seed in (0, 1))
    assert degrees(first - second).max() > 0.3
    longer = gesture(talk(600)[:400], accents, FPS, 0)
    np.testing.assert_allclose(longer[:250], first[:250], atol=1e-9)


def test_it_nods_on_accents_and_is_stiller_in_silence():
    silence, voice = np.zeros(1000, np.float32), np.ones(1000, np.float32)
    accents = np.arange(20, 980, 40)
    nods = [gesture(voice, accents, FPS, s) - gesture(voice, accents[:0], FPS, s) for s in range(20)]
    down = np.mean([n[:, 0] for n in nods], axis=0)
    assert (down[accents] > 0.15 * NOD).all() and (down >= 0).all()
    assert np.abs(down[accents - round(DOWN * 25) - 1]).max() < 1e-9, "it rests between nods"
    assert not any(n[:, 1:].any() for n in nods)
    quiet, talking = (gesture(a, accents[:0], FPS, 3).std(0) for a in (silence, voice))
    assert (quiet < 0.5 * talking).all()


def test_a_head_turns_where_its_neck_is():
    pose = speaking_pose(still(), np.ones(200, np.float32), np.array([40]), seed=0)
    angle = np.degrees(Rotation.from_matrix(pose.rotation).magnitude())
    assert 0.3 < angle.max() < 2.5
    top, neck = (
        np.ptp(pose.to_camera(np.array([point]))[:, 0], axis=0) for point in ((0.0, 2, 0), (0, -0.5, -0.9))
    )
    assert np.linalg.norm(top) > 0.02 and np.linalg.norm(neck) < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_another_seed_begins_elsewhere_on_the_track(seed):
    draw = np.random.default_rng(0)
    track = gaussian_filter1d(draw.normal(0, 0.3, (400, 3)), 8, axis=0).astype(np.float32)
    poses = HeadPose(still(400).rotation, track)
    here, there = (speaking_pose(poses, talk(300), np.zeros(0, int), s) for s in (seed, seed + 1))
    assert np.abs(here.translation - there.translation).max() > 0.02
    fastest = np.linalg.norm(np.diff(track, axis=0), axis=1).max()
    bound = fastest + 0.012  # the track's own speed, and the neck's sway
    assert np.linalg.norm(np.diff(here.translation, axis=0), axis=1).max() < bound
