from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.face.landmarks import eye_openness
from emogene.face.mean import mean_face
from emogene.performance.blink import Blinks, close_eyes

FPS = Fraction(25)


def blink_curve(frames: int, fps: Fraction, seed: int, phrase_ends=()) -> np.ndarray:
    """A whole recording; ``phrase_ends`` in frames."""
    seconds = np.asarray(phrase_ends) / float(fps)
    return Blinks(fps, seed).push(seconds, frames / float(fps), frames)


def starts(curve: np.ndarray) -> np.ndarray:
    return np.flatnonzero((curve[1:] > 0) & (curve[:-1] == 0))


def test_a_few_seconds_between_blinks():
    per_minute = [len(starts(blink_curve(25 * 600, FPS, seed))) / 10 for seed in range(10)]
    assert 14 < np.mean(per_minute) < 20 and min(per_minute) > 12
    intervals = np.diff(starts(blink_curve(25 * 600, FPS, 0))) / 25
    assert intervals.min() > 0.25 and intervals.max() < 6.1  # never two at once


def test_eyes_blink_where_phrases_end():
    ends = np.arange(75, 25 * 600, 80)
    curves = [blink_curve(25 * 600, FPS, seed, phrase_ends=ends) for seed in range(10)]
    per_minute = [len(starts(curve)) / 10 for curve in curves]
    assert 17 < np.mean(per_minute) < 25
    after = [np.min(np.abs(starts(curve)[:, None] - ends - 3), axis=1) <= 4 for curve in curves]
    assert np.mean(np.concatenate(after)) > 0.4  # 9 frames of 80 by chance
    assert all(np.diff(starts(curve)).min() > 6 for curve in curves)


def test_a_blink_is_short_and_opens_slower_than_it_closes():
    fine = Fraction(1000)
    curve = blink_curve(60_000, fine, 3)
    first = starts(curve)[0] + 1
    length = int(np.argmax(curve[first:] == 0))
    peak = int(np.argmax(curve[first : first + length]))
    assert 180 < length < 320 and peak < length / 2


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(0, 500), fps=st.sampled_from([24, 25, 30, 60]))
def test_curve_is_bounded_seeded_and_grows_at_the_end_only(seed, frames, fps):
    curve = blink_curve(frames, Fraction(fps), seed)
    assert curve.shape == (frames,) and curve.dtype == np.float32
    assert (curve >= 0).all() and (curve <= 1).all()
    np.testing.assert_array_equal(curve, blink_curve(frames, Fraction(fps), seed))
    np.testing.assert_array_equal(curve, blink_curve(frames + 400, Fraction(fps), seed)[:frames])
    ends = np.arange(fps, frames, 2 * fps)
    some = blink_curve(frames, Fraction(fps), seed, phrase_ends=ends)
    more = blink_curve(frames + 400, Fraction(fps), seed, phrase_ends=ends)
    np.testing.assert_array_equal(some, more[:frames])


def test_other_rates_show_the_same_blinks():
    slow, fast = blink_curve(250, FPS, 5), blink_curve(500, Fraction(50), 5)
    np.testing.assert_allclose(fast[::2], slow, atol=1e-6)


def test_full_closure_meets_at_the_eye_line():
    face = np.repeat(mean_face()[None], 3, 0)
    closed = close_eyes(face, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(closed[0], face[0])
    openness = eye_openness(closed)
    np.testing.assert_allclose(openness, eye_openness(face) * [1, 0.5, 0], atol=1e-6)
    others = np.delete(np.arange(68), [37, 38, 40, 41, 43, 44, 46, 47])
    np.testing.assert_array_equal(closed[:, others], face[:, others])
    assert (closed[2, [37, 38], 1] > face[2, [41, 40], 1]).all(), "the lower lid comes up a little"


@pytest.mark.parametrize("step", [1, 7, 50])
def test_pieces_are_the_whole(step):
    ends = np.array([2.0, 3.1, 7.4, 9.0, 15.2])
    whole = Blinks(FPS, 4).push(ends, 20.0, 500)
    stream, pieces = Blinks(FPS, 4), []
    for stop in range(step, 500 + step, step):
        stop = min(stop, 500)
        first, now = (stop - step) / 25, stop / 25
        new = ends[(ends >= first) & (ends < now)] if stop > step else ends[ends < now]
        pieces.append(stream.push(new, now - 1e-9, stop))
        assert len(stream._recent) <= 2, "old blinks are forgotten"
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
