import numpy as np
import pytest

from emogene.emotalk.emotion import LABELS
from emogene.emotalk.expressions import table
from emogene.face.arkit import INDEX
from emogene.face.head import HeadModel
from emogene.mixture.calibration import Calibration, gaps
from emogene.mixture.emotional_mouth import MouthRule, freedom, shared_gaps, spoken_weights

BASIS = HeadModel.embedded().landmark_basis
FPS = 25.0
AT_ONCE = MouthRule(pace=0.001)
STRONG = [label for label in LABELS if label not in ("neutral", "calm")]
OPENING = ("happy", "fearful", "surprised")
"""Emotions that open the mouth by much."""


@pytest.fixture(scope="module")
def avatar(space) -> Calibration:
    return Calibration.of(space)


def spoken(openness: np.ndarray) -> np.ndarray:
    """Gaps ``[T, 3, 3]`` between lips that are ``openness [T]`` apart, decimetres."""
    result = np.zeros((len(openness), 3, 3))
    result[..., 1] = np.asarray(openness)[:, None]
    return result


def emotion(label: str, frames: int) -> np.ndarray:
    return np.tile(table()[LABELS.index(label)], (frames, 1))


def opened(label: str, frames: int) -> np.ndarray:
    """The gaps ``[T, 3, 3]`` that an emotion alone makes."""
    return gaps(np.tensordot(emotion(label, frames), BASIS, 1))


def width(found: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found[:, 1], axis=-1)


@pytest.mark.parametrize("label", STRONG)
def test_closed_lips_stay_closed_and_the_way_into_a_closure_is_the_words_own(avatar, label):
    least = avatar.shut + MouthRule().meeting * avatar.range
    openness = np.linspace(0, least, 8)
    found = shared_gaps(spoken(openness), opened(label, 8), np.zeros(8), avatar)
    np.testing.assert_allclose(width(found), openness, atol=1e-9)


@pytest.mark.parametrize("label", STRONG)
def test_the_mouth_opens_and_closes_with_the_words(avatar, label):
    wave = 0.06 * (1 - np.cos(np.linspace(0, 8 * np.pi, 100)))
    shown = width(shared_gaps(spoken(wave), opened(label, 100), np.zeros(100), avatar))
    assert np.corrcoef(shown, wave)[0, 1] > 0.95
    assert (shown >= wave - 1e-9).all(), "no emotion shuts the mouth"
    assert (shown <= (1 + MouthRule().most) * wave + 1e-9).all()


@pytest.mark.parametrize("label", OPENING)
def test_an_emotion_that_opens_the_mouth_widens_what_the_words_open(avatar, label):
    wide = np.full(4, 0.12)
    assert width(shared_gaps(spoken(wide), opened(label, 4), np.zeros(4), avatar)).min() > 1.1 * 0.12


def test_simply_added_the_same_emotion_would_open_closed_lips():
    assert width(opened("surprised", 1))[0] > 0.1


def test_more_of_an_emotion_opens_no_less(avatar):
    wide, amounts = np.full(5, 0.1), np.array([0, 0.25, 0.5, 1, 2])
    asked = opened("surprised", 5) * amounts[:, None, None]
    shown = width(shared_gaps(spoken(wide), asked, np.zeros(5), avatar))
    assert shown[0] == pytest.approx(0.1) and (np.diff(shown) >= -1e-9).all() and shown[-1] > shown[0]


def test_in_silence_the_mouth_is_the_emotions(avatar):
    surprised = emotion("surprised", 2)
    np.testing.assert_array_equal(spoken_weights(surprised, np.zeros(2), np.ones(2), FPS, AT_ONCE), surprised)
    found = shared_gaps(spoken(np.zeros(2)), opened("surprised", 2), np.ones(2), avatar)
    np.testing.assert_allclose(found, opened("surprised", 2))


def test_corners_and_brows_are_not_touched_by_speech():
    happy = emotion("happy", 2)
    shown = spoken_weights(happy, np.array([0.0, 0.12]), np.zeros(2), FPS, AT_ONCE)
    for name in ("mouthSmileLeft", "cheekSquintRight", "browInnerUp", "mouthStretchLeft"):
        np.testing.assert_array_equal(shown[:, INDEX[name]], happy[:, INDEX[name]])


def test_the_jaw_that_is_shown_is_the_words_own_on_closed_lips():
    surprised = emotion("surprised", 2)
    shown = spoken_weights(surprised, np.array([0.0, 0.2]), np.zeros(2), FPS, AT_ONCE)[:, INDEX["jawOpen"]]
    assert shown[0] == 0 and shown[1] == pytest.approx(MouthRule().jaw * surprised[1, INDEX["jawOpen"]])


def test_the_emotions_jaw_is_slower_than_the_words():
    flapping = np.where(np.arange(50) % 2, 0.12, 0.0)
    surprised = emotion("surprised", 50)
    slow, quick = (
        spoken_weights(surprised, flapping, np.zeros(50), FPS, rule)[10:40, INDEX["jawOpen"]]
        for rule in (MouthRule(), AT_ONCE)
    )
    assert np.ptp(slow) < 0.1 * np.ptp(quick) and slow.mean() == pytest.approx(quick.mean(), rel=0.05)


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
    shown = spoken_weights(weights, np.array([0.0, 0.03, 0.06, 0.2]), np.zeros(4), FPS, AT_ONCE)
    column = shown[:, INDEX["mouthUpperUpLeft"]]
    assert (np.diff(column) > 0).all() and 0 <= column[0] < 0.6 * column[-1]
    assert column[-1] == pytest.approx(weights[0, INDEX["mouthUpperUpLeft"]])
