import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OneEuroFilter import OneEuroFilter

from emogene.mixture.one_euro import OneEuro, one_euro, zero_lag_one_euro

RATE = 25.0
HORIZON = 24


@given(
    seed=st.integers(0, 10_000),
    config=st.builds(OneEuro, st.floats(0.1, 10), st.floats(0, 5), st.floats(0.1, 5)),
    rate=st.sampled_from([25.0, 30.0]),
)
@settings(max_examples=40, deadline=None)
def test_equals_the_published_implementation(seed, config, rate):
    signal = np.random.default_rng(seed).normal(size=(30, 2)).cumsum(0)
    ours = one_euro(signal, rate, config)
    for column in range(2):
        published = OneEuroFilter(rate, config.min_cutoff, config.beta, config.d_cutoff)
        np.testing.assert_allclose(ours[:, column], [published(x) for x in signal[:, column]], atol=1e-12)


@given(seed=st.integers(0, 10_000), frames=st.integers(0, 20))
@settings(max_examples=30, deadline=None)
def test_reversed_time_reverses_the_zero_lag_filter(seed, frames):
    signal = np.random.default_rng(seed).normal(size=(frames, 3))
    there = zero_lag_one_euro(signal, RATE, OneEuro(), HORIZON)
    back = zero_lag_one_euro(signal[::-1], RATE, OneEuro(), HORIZON)[::-1]
    np.testing.assert_allclose(there, back, atol=1e-12)


def zero_lag(signal: np.ndarray, rate: float, config: OneEuro) -> np.ndarray:
    return zero_lag_one_euro(signal, rate, config, HORIZON)


def lag(signal: np.ndarray, filtered: np.ndarray) -> int:
    shifts = range(-5, 6)
    inner = slice(10, -10)
    scores = [np.corrcoef(signal[inner], np.roll(filtered, -shift)[inner])[0, 1] for shift in shifts]
    return shifts[int(np.argmax(scores))]


def test_lag_of_both_forms():
    t = np.arange(200) / RATE
    signal = 0.05 * np.sin(2 * np.pi * 2 * t) + 0.03 * np.sin(2 * np.pi * 3.3 * t)
    assert lag(signal, one_euro(signal, RATE, OneEuro())) >= 1
    assert lag(signal, zero_lag_one_euro(signal, RATE, OneEuro(), HORIZON)) == 0


def test_smooths_noise_and_keeps_a_still_face_still():
    rng = np.random.default_rng(0)
    noisy = rng.normal(0, 0.01, (300, 4))
    for smooth in (one_euro, zero_lag):
        assert (
            np.diff(smooth(noisy, RATE, OneEuro()), 2, axis=0).std() < 0.3 * np.diff(noisy, 2, axis=0).std()
        )
        np.testing.assert_array_equal(smooth(np.full((9, 2), 3.0), RATE, OneEuro()), np.full((9, 2), 3.0))


def test_a_horizon_forgets_next_to_nothing():
    """Of lips, in mouth widths: what lies beyond the horizon moves a ten-thousandth of them."""
    config, t = OneEuro(min_cutoff=3.0, beta=12.0, d_cutoff=2.0), np.arange(300) / RATE
    noise = np.random.default_rng(0).normal(0, 0.005, 300)
    signal = 0.15 * np.sin(2 * np.pi * 2 * t) * (np.sin(t) > 0) + noise
    bounded, whole = (zero_lag_one_euro(signal, RATE, config, horizon) for horizon in (HORIZON, 300))
    assert 0 < np.abs(bounded - whole).max() < 1e-4 * np.ptp(signal)
    both = (one_euro(signal, RATE, config) + one_euro(signal[::-1], RATE, config)[::-1]) / 2
    np.testing.assert_allclose(whole, both, atol=1e-9)


@pytest.mark.parametrize("smooth", [one_euro, zero_lag])
def test_one_frame_and_no_frame(smooth):
    np.testing.assert_array_equal(smooth(np.ones((1, 68, 3)), RATE, OneEuro()), np.ones((1, 68, 3)))
    assert smooth(np.ones((0, 68, 3)), RATE, OneEuro()).shape == (0, 68, 3)
