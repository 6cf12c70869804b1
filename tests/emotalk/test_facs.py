import numpy as np
import pytest

from emogene.emotalk.emotion import LABELS
from emogene.emotalk.facs import ACTION_UNITS, PROTOTYPES, expressions, prototype, shapes
from emogene.face.arkit import INDEX


def test_every_label_has_a_prototype():
    assert tuple(PROTOTYPES) == LABELS


def test_a_smile_is_two_sided_and_contempt_is_not():
    smile = shapes({"AU12": 0.5})
    assert smile[INDEX["mouthSmileLeft"]] == smile[INDEX["mouthSmileRight"]] == 0.5
    assert smile.sum() == 1
    contempt = shapes(prototype("contempt"))
    assert contempt[INDEX["mouthSmileRight"]] > 0 == contempt[INDEX["mouthSmileLeft"]]


def test_raising_the_inner_brow_takes_the_lowering_back():
    assert shapes({"AU04": 0.6})[INDEX["browDownLeft"]] == pytest.approx(0.6)
    assert shapes({"AU04": 0.6, "AU01": 0.5})[INDEX["browDownLeft"]] == pytest.approx(0.3)


def test_reliability_weighs_data_against_the_prototype():
    units = len(ACTION_UNITS)
    strong, top = np.zeros((8, units)), np.ones(units)
    strong[2, ACTION_UNITS.index("AU12")] = 0.5
    smile = INDEX["mouthSmileLeft"]
    happy = LABELS.index("happy")
    assert expressions(strong, top, np.zeros(units))[happy, smile] == pytest.approx(0.7)
    assert expressions(strong, top, np.ones(units))[happy, smile] == pytest.approx(0.35)
    assert expressions(strong, top, np.full(units, 0.5))[happy, smile] == pytest.approx(0.525)
    assert not expressions(strong, top, np.zeros(units))[0].any()
