import numpy as np
import pytest

from emogene.emotalk.emotion import LABELS
from emogene.emotalk.expressions import TABLE, asymmetry, strength, table
from emogene.face.arkit import INDEX
from emogene.face.head import HeadModel
from emogene.face.mirror import MIRROR_SHAPES

WEIGHTS = table()
ROW = {label: WEIGHTS[i] for i, label in enumerate(LABELS)}


def lift(label: str, point: int) -> float:
    """Millimetres that a landmark rises."""
    return float(100 * np.tensordot(ROW[label], HeadModel.embedded().landmark_basis, 1)[point, 1])


def test_every_emotion_has_a_face_and_every_entry_a_reason():
    assert set(TABLE) == set(LABELS)
    assert all(entry.source and entry.weight for entries in TABLE.values() for entry in entries)
    assert (WEIGHTS[LABELS.index("neutral")] == 0).all()
    assert (np.abs(WEIGHTS).max(1) > 0).sum() == len(LABELS) - 1


def test_only_contempt_is_one_sided():
    for label in LABELS:
        same = np.array_equal(ROW[label], ROW[label][MIRROR_SHAPES])
        assert same == (label != "contempt")


def test_the_signs_of_each_emotion_are_on_the_head():
    assert lift("happy", 48) > 4 and lift("sad", 48) < -3
    assert lift("angry", 21) < -3 and lift("sad", 21) > 3, "inner brows"
    assert lift("surprised", 19) > 5 and lift("surprised", 8) < -10, "brows up, chin down"
    assert lift("fearful", 37) > 2 and lift("surprised", 37) > 2, "upper lids"
    assert lift("disgust", 51) > 3, "upper lip"
    assert abs(lift("contempt", 48)) > 3 * abs(lift("contempt", 54))


@pytest.mark.parametrize("label", [label for label in LABELS if label not in ("neutral", "calm")])
def test_no_two_emotions_share_a_face(label):
    others = [other for other in LABELS if other not in (label, "neutral", "calm")]

    def moved(name: str) -> np.ndarray:
        return np.tensordot(ROW[name], HeadModel.embedded().landmark_basis[:, 17:], 1).ravel()

    own = moved(label)
    for other in others:
        theirs = moved(other)
        assert own @ theirs / np.linalg.norm(own) / np.linalg.norm(theirs) < 0.85, other


def test_half_the_intensity_is_more_than_half_the_face():
    np.testing.assert_allclose(strength(np.array([0.0, 0.5, 1.0, 2.0])), [0, 0.707, 1, 1.414], atol=0.001)


def test_faces_lean_a_little_and_by_the_seed():
    factors = asymmetry(5)
    left, right = INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]
    assert factors[left] != 1 and factors[left] - 1 == pytest.approx(1 - factors[right], rel=1e-4)
    assert factors[INDEX["mouthFrownLeft"]] == factors[left], "a region leans as a whole"
    assert factors[INDEX["jawOpen"]] == 1
    np.testing.assert_array_equal(factors, asymmetry(5))
    assert not np.array_equal(factors, asymmetry(6))
    assert max(np.abs(asymmetry(seed) - 1).max() for seed in range(200)) < 0.13
