import numpy as np
from scipy.ndimage import binary_opening, distance_transform_edt

from emogene.mixture.emotional_mouth import MouthRule, freedom

FPS, RULE = 25.0, MouthRule()


def by_morphology(still: np.ndarray) -> np.ndarray:
    """The slow twin: an opening, then distances to what is not still."""
    opened = binary_opening(still, np.ones(round(RULE.silence * FPS), bool))
    if opened.all():
        return np.ones(len(still))
    share = np.clip(np.asarray(distance_transform_edt(opened)) / (RULE.fade * FPS), 0, 1)
    return share * share * (3 - 2 * share)


def test_pauses_of_any_length_are_those_of_morphology():
    draw = np.random.default_rng(0)
    for _ in range(100):
        still = np.repeat(draw.random(draw.integers(1, 40)) < draw.uniform(0.3, 1), draw.integers(1, 9))
        found = freedom(~still, np.zeros(len(still)), FPS)
        np.testing.assert_allclose(found, by_morphology(still), atol=1e-12)


def test_an_open_mouth_or_a_voice_is_no_pause():
    long = np.zeros(50, bool)
    assert freedom(long, np.full(50, 0.1), FPS).max() == 0
    assert freedom(~long, np.zeros(50), FPS).max() == 0
    assert freedom(long, np.zeros(50), FPS).min() == 1
