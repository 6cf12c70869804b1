import numpy as np

from emogene.audio import analyse
from emogene.emotalk.dynamics import breath, ease, vigour


def test_an_expression_comes_up_in_a_third_of_a_second_and_stays():
    eased = ease(np.ones((60, 1), np.float32), 30)[:, 0]
    assert eased[0] < 0.1
    assert np.all(np.diff(eased) >= -1e-6)
    assert eased[15:].min() > 0.999
    rise = np.flatnonzero(eased > 0.9)[0] - np.flatnonzero(eased > 0.1)[0]
    assert 4 <= rise <= 10


def test_vigour_follows_the_voice_at_any_volume():
    time = np.arange(3 * 16000) / 16000
    tone = np.sin(2 * np.pi * 200 * time) * (time % 1 < 0.5) * 0.3
    loud, soft = (vigour(analyse((tone * gain).astype(np.float32))) for gain in (1, 0.1))
    np.testing.assert_allclose(loud, soft, atol=0.02)
    assert vigour(analyse(np.zeros(48000, np.float32))).max() < 0.1


def test_breath_is_seeded_smooth_and_near_one():
    strength = np.full(300, 0.7, np.float32)
    a, b = breath(strength, 30, 0), breath(strength, 30, 0)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, breath(strength, 30, 1))
    assert a.min() > 0.75 and a.max() < 1.2
    assert np.abs(np.diff(a)).max() < 0.01
    longer = breath(np.full(400, 0.7, np.float32), 30, 0)
    np.testing.assert_array_equal(longer[:300], a)
