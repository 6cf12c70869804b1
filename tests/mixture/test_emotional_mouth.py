import numpy as np
import pytest

from emogene.emotalk.emotion import LABELS
from emogene.emotalk.expressions import table
from emogene.face.arkit import INDEX
from emogene.face.head import HeadModel
from emogene.face.landmarks import JAW, mouth_openness
from emogene.face.mean import mean_face
from emogene.mixture.emotional_mouth import emotional_displacement, freedom, spoken_weights

BASIS = HeadModel.embedded().landmark_basis
FPS = 25.0
STRONG = [label for label in LABELS if label not in ("neutral", "calm")]


def spoken(openness: np.ndarray) -> np.ndarray:
    """Faces ``[T, 68, 3]`` whose lips are ``openness [T]`` apart, decimetres."""
    faces = np.repeat(mean_face()[None].astype(np.float64), len(openness), 0)
    faces[:, 60:68] = faces[:, [60, 61, 62, 63, 64, 63, 62, 61]]
    faces[:, [55, 56, 57, 58, 59, 65, 66, 67], 1] -= openness[:, None]
    return faces


def emotion(label: str, frames: int) -> np.ndarray:
    return np.tile(table()[LABELS.index(label)], (frames, 1))


@pytest.mark.parametrize("label", STRONG)
def test_closed_lips_stay_closed(label):
    lips = spoken(np.zeros(3))
    moved, _ = emotional_displacement(lips, emotion(label, 3), BASIS, np.zeros(3))
    assert mouth_openness(lips + moved).max() < 1e-6
    assert np.linalg.norm(np.tensordot(emotion(label, 1), BASIS, 1)[0, 48:68], axis=-1).max() > 0.02


@pytest.mark.parametrize("label", STRONG)
def test_the_mouth_opens_and_closes_with_the_words(label):
    wave = 0.06 * (1 - np.cos(np.linspace(0, 8 * np.pi, 100)))
    lips = spoken(wave)
    moved, _ = emotional_displacement(lips, emotion(label, 100), BASIS, np.zeros(100))
    shown = mouth_openness(lips + moved)
    assert np.corrcoef(shown, wave)[0, 1] > 0.95
    assert shown[wave > 0.1].mean() >= 0.95 * wave[wave > 0.1].mean(), "no emotion shuts the mouth"


def test_simply_added_the_same_emotion_would_open_them():
    lips = spoken(np.zeros(1))
    added = lips + np.tensordot(emotion("surprised", 1), BASIS, 1)
    assert mouth_openness(added)[0] > 0.1


def test_corners_and_brows_are_not_touched_by_speech():
    lips, happy = spoken(np.array([0.0, 0.12])), emotion("happy", 2)
    moved, shown = emotional_displacement(lips, happy, BASIS, np.zeros(2))
    assert (shown[:, INDEX["mouthSmileLeft"]] == happy[:, INDEX["mouthSmileLeft"]]).all()
    assert moved[0, 48, 1] > 0.04 and moved[0, 54, 1] > 0.04
    free, _ = emotional_displacement(lips, happy, BASIS, np.ones(2))
    np.testing.assert_array_equal(moved[:, 17:48][:, :10], free[:, 17:48][:, :10])


def test_in_silence_the_mouth_is_the_emotions():
    lips, surprised = spoken(np.zeros(2)), emotion("surprised", 2)
    moved, shown = emotional_displacement(lips, surprised, BASIS, np.ones(2))
    np.testing.assert_array_equal(shown, surprised)
    np.testing.assert_allclose(moved, np.tensordot(surprised, BASIS, 1), atol=1e-6)


def test_the_chin_goes_with_the_jaw_that_is_shown():
    lips, surprised = spoken(np.zeros(1)), emotion("surprised", 1)
    moved, shown = emotional_displacement(lips, surprised, BASIS, np.zeros(1))
    assert shown[0, INDEX["jawOpen"]] == pytest.approx(0.1 * surprised[0, INDEX["jawOpen"]])
    assert abs(moved[0, JAW][8, 1]) < 0.1


def test_freedom_comes_and_goes_within_long_pauses_only():
    voiced = np.ones(100, bool)
    voiced[30:70] = False  # 1.6 s
    voiced[85:88] = False  # 120 ms: within a word
    free = freedom(voiced, np.zeros(100), FPS)
    assert free[voiced].max() == 0 and free[85:88].max() == 0
    assert free[40:60].min() == 1
    assert 0 < free[31] < 1 and np.abs(np.diff(free)).max() < 0.5


def test_a_mouth_that_is_open_is_not_free():
    free = freedom(np.zeros(50, bool), np.where(np.arange(50) < 25, 0.0, 0.1), FPS)
    assert free[10] == 1 and free[25:].max() == 0


def test_all_silence_is_all_free_and_no_frames_are_no_error():
    assert (freedom(np.zeros(9, bool), np.zeros(9), FPS) == 1).all()
    assert len(freedom(np.zeros(0, bool), np.zeros(0), FPS)) == 0


def test_weights_are_scaled_and_never_turned_round():
    weights = emotion("disgust", 4)
    shown = spoken_weights(weights, np.array([0.0, 0.03, 0.06, 0.2]), np.zeros(4))
    column = shown[:, INDEX["mouthUpperUpLeft"]]
    assert (np.diff(column) >= 0).all() and 0 < column[0] < 0.6 * column[-1]
    assert column[-1] == pytest.approx(weights[0, INDEX["mouthUpperUpLeft"]])
