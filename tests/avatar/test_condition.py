import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogene.avatar.condition import ConditionBasis, articulation, soft_clamp
from emogene.face.landmarks import BROWS, MOUTH
from emogene.face.mean import mean_face

random = np.random.default_rng(0)


@pytest.fixture(scope="module")
def frames():
    """400 faces that speak: jaw drop and lip width, and tracker noise."""
    rest = mean_face()
    opening, width = np.zeros_like(rest), np.zeros_like(rest)
    opening[[65, 66, 67, 56, 57, 58, 7, 8, 9], 1] = -0.2
    width[[48, 60], 0], width[[54, 64], 0] = -0.05, 0.05
    amounts = random.uniform(0, 1, (400, 2, 1, 1))
    noise = random.normal(0, 0.003, (400, 68, 3))
    return (rest + amounts[:, 0] * opening + amounts[:, 1] * width + noise).astype(np.float32)


@pytest.fixture(scope="module")
def basis(frames):
    return ConditionBasis.fit(frames, random.normal(0, 0.02, (400, 2)), components=8)


def test_training_frames_have_unit_deviation(basis, frames):
    values = basis.encode(frames)
    assert values.shape == (400, 10)
    assert np.allclose(values[:, :8].std(0), 1, atol=0.02)
    assert (values[:, 8:] == 0).all()


def test_split_adds_up(basis, frames):
    condition, rest = basis.split(frames)
    shown = basis.mean + np.tensordot(condition[:, :8], basis.basis, 1)
    assert np.allclose(shown + rest, frames, atol=1e-5)


def test_speech_goes_to_the_condition(basis, frames):
    _, rest = basis.split(frames)
    assert np.abs(rest).mean() < 0.004


def test_unseen_motion_is_left_to_the_rig_and_leaves_the_lips(basis, frames):
    raised = frames.copy()
    raised[:, BROWS, 1] += 0.1
    before, after = basis.split(frames), basis.split(raised)
    assert (after[1][:, BROWS, 1] - before[1][:, BROWS, 1]).mean() > 0.09
    assert np.abs(after[0] - before[0]).mean() < 0.8
    shown = raised - after[1]
    assert np.corrcoef(articulation(shown)[:, 1], articulation(frames)[:, 1])[0, 1] > 0.97


def test_condition_changes_without_jumps(basis, frames):
    smile = np.zeros((68, 3), np.float32)
    smile[MOUTH, 1] = 0.15
    path = frames[0] + np.linspace(0, 1, 200)[:, None, None].astype(np.float32) * smile
    condition, _ = basis.split(path)
    assert np.abs(np.diff(condition, axis=0)).max() < 0.6


def test_gaze_in_radians_is_measured_as_the_tracker_measures_it(basis):
    """An eyeball of mean size, turned, before a camera: its pupil's offset in eye widths."""
    assert np.allclose(basis.gaze_at(np.zeros((1, 2))), basis.gaze[0])
    angle, width = 0.05, np.linalg.norm(basis.mean[39, :2] - basis.mean[36, :2])
    offset = basis.gaze_at(np.array([[angle, 0.0], [0.0, angle], [1.5, -1.5]])) - basis.gaze[0]
    assert offset[0] == pytest.approx([1.05 * 0.1 * np.sin(angle) / width, 0], abs=2e-3)
    assert offset[1] == pytest.approx(offset[0][::-1], abs=2e-3)
    assert (np.abs(offset[2]) < 4 * basis.gaze[1]).all(), "within what the video showed"


@given(st.floats(-100, 100))
def test_soft_clamp_keeps_the_range_and_ends(x):
    y = float(soft_clamp(np.array(x), np.array(-1.0), np.array(3.0)))
    assert -1.6 <= y <= 3.6
    if -1 <= x <= 3:
        assert y == x
