"""The runner of stages, on small stages of known reach; tests/test_stages.py has the real ones."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.clock import SPEECH_FPS, VIDEO_FPS, resample
from emogene.stream import BLOCK, Aligned, Resample, Stage, Stream, run
from emogene.track import Track


class WindowSums(Stage):
    """The sum of two inputs from ``look_back`` rows before every ``step``th row to ``look_ahead`` after its
    group; zeros outside. The second output is the row's number in the recording."""

    heard = SPEECH_FPS
    outputs = 2

    def __init__(self, step: int, back: int, ahead: int) -> None:
        self.step, self.rate = step, SPEECH_FPS / step
        self.look_back, self.look_ahead = back, ahead
        self.longest = 0

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        one, other = inputs
        self.longest = max(self.longest, len(one))
        assert len(one) == len(other) and first % self.step == 0
        starts = np.arange(0, len(one), self.step)
        total = (one + other).astype(float)
        ahead = self.step + self.look_ahead
        sums = [total[max(0, start - self.look_back) : start + ahead].sum() for start in starts]
        return np.array(sums), first + starts


class Whole(Stage):
    """The mean of all that is heard, at every row."""

    heard = rate = SPEECH_FPS
    look_ahead = None

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (rows,) = inputs
        return (np.full(len(rows), rows.mean()),)


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9, 9, count)


@given(
    cuts=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12),
    count=st.integers(1, 200),
    step=st.integers(1, 6),
    back=st.integers(0, 15),
    ahead=st.integers(0, 15),
)
@settings(max_examples=150, deadline=None)
def test_any_pieces_of_any_stage_give_the_whole(cuts, count: int, step: int, back: int, ahead: int) -> None:
    one, other = rows(count, 1), rows(count, 2)
    end = Fraction(count) / SPEECH_FPS
    sums, numbers = WindowSums(step, back, ahead)(0, one, other)
    stream, found = Stream(WindowSums(step, back, ahead)), []
    a = b = 0
    for more, else_ in cuts:
        found.append(stream.push(one[a : a + more], other[b : b + else_] if else_ else None))
        a, b = a + more, b + else_
    found.append(stream.push(one[a:], other[b:], end=end))
    for i, expected in enumerate((sums, numbers)):
        joined = np.concatenate([part[i] for part in found if part[i] is not None])
        np.testing.assert_array_equal(joined, expected[: ceil(end * SPEECH_FPS / step)])


def test_an_output_comes_as_soon_as_all_it_looks_at_is_there() -> None:
    stream = Stream(WindowSums(step=4, back=3, ahead=5))
    assert stream.stage.delay == Fraction(9, 50)
    assert stream.push(rows(8), rows(8)) == (None, None)
    sums, numbers = stream.push(rows(1), rows(1))
    assert sums is not None and numbers is not None and numbers.tolist() == [0]
    assert stream.push(rows(30), None) == (None, None), "both inputs are needed"


def test_the_end_may_lie_within_a_row() -> None:
    one = rows(10)
    (found, _) = run(WindowSums(1, 0, 0), one, one, duration=Fraction(19, 2) / SPEECH_FPS)
    assert len(found) == 10
    (found, _) = run(WindowSums(1, 0, 0), one, one, duration=Fraction(9) / SPEECH_FPS)
    assert len(found) == 9


def test_what_is_held_and_what_is_computed_at_a_time_are_bounded() -> None:
    stage = WindowSums(step=4, back=30, ahead=20)
    stream = Stream(stage)
    for _ in range(200):
        stream.push(rows(25), rows(25))
        assert all(sum(map(len, held)) <= 30 + 20 + 4 + 25 for held in stream._pieces)
        assert all(part.base is None for held in stream._pieces for part in held), "a view holds all of it"
    long = np.zeros(int(4 * BLOCK * SPEECH_FPS))
    run(stage, long, long, duration=Fraction(len(long)) / SPEECH_FPS)
    assert stage.longest <= BLOCK * SPEECH_FPS + 30 + 20 + 4


def test_a_stage_that_must_hear_all_waits_for_the_end() -> None:
    stream = Stream(Whole())
    assert Whole().delay is None
    long = rows(2 * BLOCK * 50).astype(float)
    assert stream.push(long[:500]) == (None,)
    (found,) = stream.push(long[500:], end=Fraction(len(long), 50))
    assert found is not None and len(found) == len(long)
    np.testing.assert_allclose(found, long.mean())


@given(
    source=st.sampled_from([Fraction(25), Fraction(50), Fraction(25, 2), Fraction(30)]),
    target=st.sampled_from([Fraction(n) for n in (24, 25, 30, 50, 60)] + [Fraction(24_000, 1001)]),
    count=st.integers(1, 120),
    piece=st.integers(1, 30),
)
@settings(max_examples=100, deadline=None)
def test_resampled_in_pieces_is_resampled_whole(
    source: Fraction, target: Fraction, count: int, piece: int
) -> None:
    values, end = rows(count).astype(np.float32)[:, None], Fraction(count) / source
    stream, found = Stream(Resample(source, target)), []
    for start in range(0, count, piece):
        found.append(stream.push(values[start : start + piece])[0])
    found.append(stream.push(None, end=end)[0])
    joined = np.concatenate([part for part in found if part is not None])
    np.testing.assert_allclose(joined, resample(values, source, target, ceil(end * target)), atol=1e-5)


@pytest.mark.parametrize("target", [24, 25, 30, 50, 60, Fraction(24_000, 1001), Fraction(30_000, 1001)])
def test_no_rate_waits_for_more_than_the_next_row(target) -> None:
    stage = Resample(VIDEO_FPS, Fraction(target))
    assert stage.delay is not None and stage.delay <= Fraction(2, 25)


def test_streams_that_run_ahead_are_taken_in_step() -> None:
    aligned = Aligned(2)
    fps, names = VIDEO_FPS, ("a",)

    def track(*values: int) -> Track:
        return Track(np.array(values)[:, None], names, fps, "share")

    assert aligned.push(np.arange(3), None) is None
    assert aligned.push(np.arange(3, 5), track()) is None
    numbers, values = aligned.push(None, track(0, 1)) or (None, None)
    assert numbers is not None and numbers.tolist() == [0, 1] and values.column("a").tolist() == [0, 1]
    numbers, values = aligned.push(np.arange(5, 6), track(2, 3, 4, 5, 6, 7)) or (None, None)
    assert numbers is not None and numbers.tolist() == [2, 3, 4, 5]
    assert values.column("a").tolist() == [2, 3, 4, 5]
    numbers, values = aligned.push(np.arange(6, 9), track()) or (None, None)
    assert numbers is not None and numbers.tolist() == [6, 7] and values.column("a").tolist() == [6, 7]
