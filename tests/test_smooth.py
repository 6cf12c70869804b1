import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from emogene.smooth import gaussian, greatest, hann


@given(frames=st.integers(1, 60), width=st.floats(1, 50))
@settings(max_examples=50, deadline=None)
def test_a_constant_stays_up_to_the_edges(frames: int, width: float) -> None:
    np.testing.assert_allclose(hann(np.full((frames, 2), 3.0), width), 3)


@pytest.mark.parametrize("width", [1, 2, 5, 8.9, 40])
def test_it_reaches_half_its_width_and_no_further(width: float) -> None:
    impulse = np.zeros(101)
    impulse[50] = 1
    touched = np.flatnonzero(hann(impulse, width))
    reach = int(width) // 2
    assert (touched[0], touched[-1]) == (50 - reach, 50 + reach)


def test_it_is_centred_and_weighs_like_a_hann_window() -> None:
    impulse = np.zeros(41)
    impulse[20] = 1
    found = hann(impulse, 10)
    np.testing.assert_allclose(found, found[::-1], atol=1e-15)
    window = np.hanning(13)[1:-1]
    np.testing.assert_allclose(found[15:26], window / window.sum())


def test_columns_do_not_mix_and_shapes_stay() -> None:
    values = np.random.default_rng(0).normal(size=(30, 4, 3))
    found = hann(values, 6)
    assert found.shape == values.shape and found.dtype == np.float64
    np.testing.assert_allclose(found[:, 2, 1], hann(values[:, 2, 1], 6))


@pytest.mark.parametrize(("sigma", "sigmas"), [(0.7, 4), (3.3, 4), (12.5, 3)])
def test_the_gaussian_is_scipys_with_held_ends(sigma: float, sigmas: float) -> None:
    values = np.random.default_rng(0).normal(size=(60, 4, 3))
    expected = gaussian_filter1d(values, sigma, axis=0, mode="nearest", truncate=sigmas)
    np.testing.assert_allclose(gaussian(values, sigma, sigmas), expected, atol=1e-14)


def test_the_greatest_is_scipys() -> None:
    values = np.random.default_rng(0).normal(size=80)
    for before, after in ((17, 17), (34, 0), (0, 34)):
        shifted = {"size": before + after + 1, "origin": (before - after) // 2}
        expected = maximum_filter1d(values, mode="nearest", **shifted)
        np.testing.assert_array_equal(greatest(values, before, after), expected)
    np.testing.assert_array_equal(
        greatest(-np.abs(values), 5, 5, beyond=0), maximum_filter1d(-np.abs(values), 11, mode="constant")
    )


def test_true_spreads_to_its_neighbours() -> None:
    here = np.zeros(20, bool)
    here[10] = True
    np.testing.assert_array_equal(np.flatnonzero(greatest(here, 3, 1, beyond=False)), np.arange(9, 14))
