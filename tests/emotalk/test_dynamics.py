import numpy as np

from emogene.emotalk.dynamics import EVIDENCE, ONSET, PRESENCE, breath, by_evidence, ease, presence


def test_an_expression_comes_up_in_a_third_of_a_second_and_stays():
    eased = ease(np.ones((100, 1), np.float32))[:, 0]
    assert eased[0] < 0.1
    assert np.all(np.diff(eased) >= -1e-6)
    assert eased[ONSET:].min() > 0.999
    rise = np.flatnonzero(eased > 0.9)[0] - np.flatnonzero(eased > 0.1)[0]
    assert 4 * 5 // 3 <= rise <= 10 * 5 // 3  # frames of 20 ms


def test_columns_ease_by_themselves_and_back():
    asked = np.zeros((120, 2), np.float32)
    asked[:60, 1] = 2
    eased = ease(asked)
    assert not eased[:, 0].any() and abs(eased[50, 1] - 2) < 1e-5
    assert eased[61, 1] > 1.9 and eased[60 + ONSET :, 1].max() < 1e-6


def test_breath_is_seeded_smooth_and_near_one():
    strength = np.full(500, 0.7, np.float32)
    a, b = breath(strength, 0, 0), breath(strength, 0, 0)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, breath(strength, 0, 1))
    assert a.min() > 0.75 and a.max() < 1.2 and np.ptp(a) > 0.03
    assert np.abs(np.diff(a)).max() < 0.01 * 30 / 50
    longer = breath(np.full(700, 0.7, np.float32), 0, 0)
    np.testing.assert_array_equal(longer[:500], a)


def test_breath_is_the_same_wherever_one_starts_to_read():
    strength = np.full(500, 0.7, np.float32)
    np.testing.assert_allclose(breath(strength[123:], 123, 5), breath(strength, 0, 5)[123:], atol=1e-6)


def test_breath_rests_in_pauses():
    strength = np.zeros(400, np.float32)
    strength[:200] = 1
    found = breath(strength, 0, 0)
    assert found[:200].mean() > found[200:].mean() + 0.2 and found.min() > 0.7


def test_presence_outlasts_a_pause_of_a_third_of_a_second_and_no_long_one():
    vigour = np.zeros(400)
    vigour[100:150] = vigour[165:200] = 0.8
    near = presence(vigour)
    assert near[105:195].min() > 0.99, "a short pause changes nothing"
    assert near[200 + PRESENCE + 1 :].max() == 0 and near[: 100 - PRESENCE - 1].max() == 0
    assert (near >= 0).all() and near.max() <= 1 + 1e-9
    assert np.abs(np.diff(near)).max() < 0.05, "it fades"
    assert not presence(np.full(100, 0.2)).any(), "a faint murmur is none"


def test_what_a_pause_suggests_does_not_count():
    values, vigour = np.zeros((300, 2)), np.full(300, 0.01)
    vigour[:150] = 0.9
    values[:150, 0], values[150:, 1] = 1, 9  # a wild guess in the silence
    found = by_evidence(values, vigour)
    assert found[: 150 + EVIDENCE // 2, 0].min() > 0.98 and found[: 150 + EVIDENCE // 2, 1].max() < 0.1


def test_evidence_is_averaged_over_a_second_around():
    values = np.zeros((300, 1))
    values[150] = 1
    found = by_evidence(values, np.full(300, 0.7))[:, 0]
    touched = np.flatnonzero(found)
    assert (touched[0], touched[-1]) == (150 - EVIDENCE, 150 + EVIDENCE)
    np.testing.assert_allclose(found[EVIDENCE:-EVIDENCE].sum(), 1)
    np.testing.assert_allclose(by_evidence(np.full((80, 3), 2.0), np.linspace(0, 1, 80)), 2)
