from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.clock import SAMPLE_RATE, SPEECH_FPS, VIDEO_FPS, frame_count, resample

RATES = st.sampled_from([Fraction(n) for n in (24, 25, 30, 50, 60)] + [Fraction(30_000, 1001)])
SOURCE_RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)


@given(samples=st.integers(1, 10**7), rate=st.sampled_from(SOURCE_RATES), fps=RATES)
@settings(max_examples=300, deadline=None)
def test_counts_of_counts_are_the_sounds_own(samples: int, rate: int, fps: Fraction) -> None:
    duration = Fraction(samples, rate)
    heard = frame_count(duration, SAMPLE_RATE)
    features = frame_count(Fraction(heard, SAMPLE_RATE), SPEECH_FPS)
    assert heard == ceil(duration * 16_000)
    assert features == frame_count(duration, SPEECH_FPS)
    assert frame_count(Fraction(features) / SPEECH_FPS, VIDEO_FPS) == frame_count(duration, VIDEO_FPS)
    frames = frame_count(duration, fps)
    assert (frames - 1) / fps < duration <= frames / fps


@given(source=RATES, target=RATES, rows=st.integers(2, 90))
@settings(max_examples=60, deadline=None)
def test_a_line_over_time_stays_that_line(source: Fraction, target: Fraction, rows: int) -> None:
    """Row t is at t / fps at either rate; what lies beyond the last row is held."""
    line = np.arange(rows, dtype=np.float32) / float(source)
    frames = frame_count(Fraction(rows) / source, target)
    found = resample(line, source, target, frames)
    time = np.arange(frames) / float(target)
    np.testing.assert_allclose(found, np.minimum(time, line[-1]), atol=1e-6)


def test_a_row_at_the_same_time_is_that_row_exactly() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_array_equal(resample(rows, SPEECH_FPS, VIDEO_FPS, 25), rows[::2])
    np.testing.assert_array_equal(resample(rows, VIDEO_FPS, SPEECH_FPS, 99)[::2], rows)
    np.testing.assert_array_equal(resample(rows, SPEECH_FPS, SPEECH_FPS, 50), rows)


def test_a_row_between_two_is_their_weighted_mean() -> None:
    rows = np.array([[0.0], [30.0], [90.0]], np.float32)
    found = resample(rows, Fraction(25), Fraction(30), 4)
    np.testing.assert_allclose(found[:, 0], [0, 25, 30 + 60 * 2 / 3, 90])


def test_the_last_row_is_held() -> None:
    rows = np.array([1.0, 3.0], np.float32)
    np.testing.assert_array_equal(resample(rows, Fraction(25), Fraction(25), 5), [1, 3, 3, 3, 3])
    np.testing.assert_array_equal(resample(rows[:1], Fraction(30), Fraction(25), 3), [1, 1, 1])


@given(lead=st.fractions(0, 2, max_denominator=100), source=RATES, target=RATES)
@settings(max_examples=60, deadline=None)
def test_a_later_start_reads_the_line_later(lead: Fraction, source: Fraction, target: Fraction) -> None:
    line = np.arange(200, dtype=np.float32) / float(source)
    found = resample(line, source, target, 20, lead)
    np.testing.assert_allclose(found, float(lead) + np.arange(20) / float(target), atol=1e-5)


def test_hours_do_not_shift_it() -> None:
    source, target = Fraction(30_000, 1001), VIDEO_FPS
    rows = np.zeros(5 * 3600 * 30, np.float32)
    rows[-1001:] = np.arange(1001)
    frames = frame_count(Fraction(len(rows)) / source, target)
    found = resample(rows, source, target, frames)
    # The last quarter of an hour of frames lies where exact arithmetic puts it.
    for frame in range(frames - 800, frames - 1, 97):
        place = Fraction(frame) / target * source
        expected = max(0, min(float(place - (len(rows) - 1001)), 1000))
        assert found[frame] == pytest.approx(expected, abs=1e-3)


def test_no_rows_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="empty"):
        resample(np.zeros((0, 3)), VIDEO_FPS, SPEECH_FPS, 1)


@pytest.mark.parametrize("kind", [bool, np.int16, np.float16, np.float32, np.float64])
def test_what_comes_out_is_float32(kind: type) -> None:
    found = resample(np.array([0, 1], kind), VIDEO_FPS, SPEECH_FPS, 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [0, 0.5, 1])
