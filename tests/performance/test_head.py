from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from emogene.face.pose import HeadPose
from emogene.performance.head import DOWN, NOD, SWAY, SpeakingHead

FPS = Fraction(25)


def still(frames: int = 50) -> HeadPose:
    return HeadPose(np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)), np.zeros((frames, 3), np.float32))


def filmed(frames: int = 400) -> HeadPose:
    """A head that was filmed moving."""
    draw = np.random.default_rng(0)
    moved = gaussian_filter1d(draw.normal(0, 0.3, (frames, 3)), 8, axis=0).astype(np.float32)
    return HeadPose(still(frames).rotation, moved)


def degrees(rotation: np.ndarray) -> np.ndarray:
    return np.degrees(np.linalg.norm(rotation, axis=1))


def talk(rows: int) -> np.ndarray:
    """Activity at 50 Hz of a voice that speaks two seconds in four."""
    return gaussian_filter1d((np.arange(rows) // 100 % 2 == 0).astype(np.float32), 12)


def gesture(activity: np.ndarray, accents, seed: int, fps: Fraction = FPS) -> np.ndarray:
    """How far the head is turned, ``[T, 3]``, in a recording of ``activity`` at 50 Hz, accents in seconds."""
    frames = int(len(activity) * fps / 50)
    return SpeakingHead(still(), fps, seed).push(activity, accents, frames)[1]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 1400))
def test_it_is_small_smooth_and_the_same_for_the_same_seed(seed, rows):
    accents = np.arange(0.4, rows / 50, 1)
    rotation = gesture(talk(rows), accents, seed)
    assert rotation.shape == (rows // 2, 3)
    np.testing.assert_array_equal(rotation, gesture(talk(rows), accents, seed))
    assert (np.abs(rotation) <= SWAY + [NOD, 0, 0] + 1e-9).all()
    assert degrees(np.diff(rotation, axis=0)).max(initial=0) * 25 < 12  # degrees a second
    assert degrees(np.diff(rotation, 2, axis=0)).max(initial=0) * 625 < 150


def test_seeds_differ_and_a_longer_one_begins_like_a_shorter_one():
    accents = np.array([1.2, 3.2])
    first, second = (gesture(talk(600), accents, seed) for seed in (0, 1))
    assert degrees(first - second).max() > 0.3
    np.testing.assert_allclose(gesture(talk(1200)[:800], accents, 0)[:250], first[:250], atol=1e-9)


def test_it_nods_on_accents_and_is_stiller_in_silence():
    silence, voice = np.zeros(2000, np.float32), np.ones(2000, np.float32)
    accents = np.arange(0.8, 39, 1.6)
    nods = [gesture(voice, accents, s) - gesture(voice, accents[:0], s) for s in range(20)]
    down = np.mean([n[:, 0] for n in nods], axis=0)
    frames = np.round(accents * 25).astype(int)
    assert (down[frames] > 0.15 * NOD).all() and (down >= -1e-12).all()
    assert np.abs(down[frames - round(DOWN * 25) - 1]).max() < 1e-9, "it rests between nods"
    assert not any(n[:, 1:].any() for n in nods)
    quiet, talking = (gesture(a, accents[:0], 3).std(0) for a in (silence, voice))
    assert (quiet < 0.5 * talking).all()


def test_a_head_turns_where_its_neck_is():
    pose, _ = SpeakingHead(still(), FPS, 0).push(np.ones(400, np.float32), [1.6], 200)
    angle = np.degrees(Rotation.from_matrix(pose.rotation).magnitude())
    assert 0.3 < angle.max() < 2.5
    top, neck = (
        np.ptp(pose.to_camera(np.array([point]))[:, 0], axis=0) for point in ((0.0, 2, 0), (0, -0.5, -0.9))
    )
    assert np.linalg.norm(top) > 0.02 and np.linalg.norm(neck) < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_another_seed_begins_elsewhere_on_the_track(seed):
    track = filmed()
    here, there = (SpeakingHead(track, FPS, s).push(talk(600), [], 300)[0] for s in (seed, seed + 1))
    assert np.abs(here.translation - there.translation).max() > 0.02
    fastest = np.linalg.norm(np.diff(track.translation, axis=0), axis=1).max()
    bound = fastest + 0.012  # the track's own speed, and the neck's sway
    assert np.linalg.norm(np.diff(here.translation, axis=0), axis=1).max() < bound


@pytest.mark.parametrize("fps", [24, 30, 50, 60])
def test_the_head_keeps_its_speed_at_every_rate(fps):
    """Frames of either rate at one time show one head."""
    activity, accents = talk(600), [1.0, 4.5]
    usual, _ = SpeakingHead(filmed(), FPS, 1).push(activity, accents, 300)
    other, _ = SpeakingHead(filmed(), Fraction(fps), 1).push(activity, accents, 12 * fps)
    common = np.arange(0, 12)  # seconds
    np.testing.assert_allclose(other.translation[common * fps], usual.translation[common * 25], atol=1e-5)
    np.testing.assert_allclose(other.rotation[common * fps], usual.rotation[common * 25], atol=1e-5)


@pytest.mark.parametrize("step", [2, 50])
def test_pieces_are_the_whole_and_nothing_grows(step):
    activity, accents = talk(1000), np.array([1.0, 2.0, 8.4, 15.0])
    whole, turned = SpeakingHead(filmed(), FPS, 5).push(activity, accents, 500)
    head, pieces = SpeakingHead(filmed(), FPS, 5), []
    for first in range(0, 1000, step):
        known = (first + step) / 50
        new = accents[(accents >= first / 50) & (accents < known)]
        stop = 500 if known >= 20 else max(0, int((known - DOWN - 0.02) * 25))
        pieces.append(head.push(activity[first : first + step], new, stop))
        assert len(head._activity) <= step + 20 and len(head._nods) <= 2
    rotation = np.concatenate([pose.rotation for pose, _ in pieces])
    np.testing.assert_allclose(rotation, whole.rotation, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([t for _, t in pieces]), turned, atol=1e-9)
