from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.performance.rhythm import APART, Rhythm
from emogene.stream import Stream, run


def voice(*seconds: tuple[float, float], total: float = 12, level: float = -20) -> tuple:
    """Loudness and f0 at 50 Hz of one who speaks from ... to ..., four syllables a second; else silence."""
    time = np.arange(int(total * 50)) / 50
    loudness, f0 = np.full(len(time), -80.0), np.zeros(len(time))
    for start, end in seconds:
        during = (start <= time) & (time < end)
        loudness[during] = level + 3 * np.sin(8 * np.pi * time[during])
        f0[during] = 120
    return loudness, f0


def rhythm(loudness: np.ndarray, f0: np.ndarray) -> tuple:
    return run(Rhythm(), loudness, f0, duration=Fraction(len(f0), 50))


def test_activity_accents_and_phrase_ends():
    loudness, f0 = voice((1, 4), (6, 10))
    for loud in (120, 400):
        loudness[loud - 2 : loud + 3] += 20
    activity, accents, ends = rhythm(loudness, f0)
    assert activity[[0, 260, 580]].max() < 0.15 and activity[[120, 400]].min() > 0.85
    np.testing.assert_allclose(np.flatnonzero(ends) / 50, [4, 10], atol=0.3)
    assert all(np.abs(np.flatnonzero(accents) - loud).min() <= 1 for loud in (120, 400))
    assert (np.diff(np.flatnonzero(accents)) >= APART).all()


@pytest.mark.parametrize("level", [-10, -25, -45])
def test_a_quiet_recording_is_as_alive_as_a_loud_one(level):
    activity, _, ends = rhythm(*voice((1, 4), level=level))
    assert activity.max() > 0.85 and ends.sum() == 1


def test_silence_noise_and_a_steady_voice():
    nothing = np.zeros(200)
    for loudness in (-80.0, -20.0):
        activity, accents, ends = rhythm(np.full(200, loudness), nothing)
        assert activity.max() < 1e-3 and not accents.any() and not ends.any(), "no voice in it"
    activity, accents, _ = rhythm(np.full(200, -20.0), np.full(200, 100.0))
    assert activity.min() > 0.9 and not accents.any()


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(1, 400), seed=st.integers(0, 99))
def test_any_length_is_bounded_and_finite(frames, seed):
    draw = np.random.default_rng(seed)
    activity, accents, ends = rhythm(draw.uniform(-80, 0, frames), draw.uniform(0, 200, frames))
    assert activity.shape == accents.shape == ends.shape == (frames,) and activity.dtype == np.float32
    assert (activity >= 0).all() and (activity <= 1).all()


@pytest.mark.parametrize("step", [1, 50])
def test_pieces_are_the_whole(step):
    draw = np.random.default_rng(0)
    loudness, f0 = draw.uniform(-60, 0, 900), np.where(np.arange(900) // 120 % 2, 130.0, 0)
    whole = rhythm(loudness, f0)
    stream, found = Stream(Rhythm()), []
    for first in range(0, 900, step):
        last = first + step >= 900
        end = Fraction(18) if last else None
        found.append(stream.push(loudness[first : first + step], f0[first : first + step], end=end))
    for i, rows in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([f[i] for f in found if f[i] is not None]), rows)
