"""As many samples as the time has, where they belong."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.audio.rate import RateConverter
from emogene.clock import frame_count

RATES = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000]


def convert(pieces: list[tuple[np.ndarray, int]], target: int) -> np.ndarray:
    converter = RateConverter(target, len(pieces[0][0]))
    return np.concatenate([*[converter.push(*piece) for piece in pieces], converter.finish()], 1)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.tuples(st.sampled_from(RATES), st.integers(1, 3000)), min_size=1, max_size=4),
    target=st.sampled_from([16_000, 44_100, 48_000]),
)
def test_the_count_is_exact_also_where_the_rate_changes(parts, target):
    pieces = [(np.zeros((1, n), np.float32), rate) for rate, n in parts]
    duration = sum((Fraction(n, rate) for rate, n in parts), Fraction(0))
    assert convert(pieces, target).shape == (1, frame_count(duration, target))


@pytest.mark.parametrize("rate", RATES)
def test_a_click_stays_where_it_is(rate):
    sound = np.zeros((2, rate), np.float32)
    sound[1, rate // 2] = 0.9
    heard = convert([(sound, rate)], 16_000)
    assert abs(int(heard[1].argmax()) - 8000) <= 1
    assert not heard[0].any()


@pytest.mark.parametrize("rate", RATES)
def test_a_constant_and_a_tone_keep_their_level(rate):
    time = np.arange(rate) / rate
    tone = (0.3 + 0.4 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[None]
    heard = convert([(tone, rate)], 16_000)[0, 4000:12000]
    assert heard.mean() == pytest.approx(0.3, abs=2e-3)
    assert heard.std() == pytest.approx(0.4 / 2**0.5, rel=0.01)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_pieces_of_any_size_give_the_same(rate):
    sound = np.random.default_rng(0).normal(0, 0.1, (1, rate)).astype(np.float32)
    whole = convert([(sound, rate)], 16_000)
    for step in (1000, 333):
        pieces = [(sound[:, start : start + step], rate) for start in range(0, rate, step)]
        np.testing.assert_allclose(convert(pieces, 16_000), whole, atol=1e-6)


def test_16_khz_passes_untouched():
    sound = np.random.default_rng(0).normal(size=(1, 5001)).astype(np.float32)
    np.testing.assert_array_equal(convert([(sound, 16_000)], 16_000), sound)
