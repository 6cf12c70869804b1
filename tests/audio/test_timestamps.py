"""Holes and odd stamps of containers."""

import numpy as np
import pytest

from emogene.audio.block import Block
from emogene.audio.timestamps import Stamped, in_time

RATE, FRAME = 1000, 20  # frames of 20 ms


def heard(
    times: list[float | None], origin: float | None = 0.0, end: float | None = None
) -> list[tuple[int, int]]:
    """Where the frames (of ones) stand in the result: start and end in milliseconds of each stretch."""
    frames = [
        Stamped(
            Block(np.ones((1, FRAME), np.float32), RATE, ("FC",)),
            t,
        )
        for t in times
    ]
    samples = np.concatenate([block.samples[0] for block in in_time(frames, origin, end)])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], samples, [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def test_frames_that_follow_each_other():
    assert heard([0, 0.02, 0.04]) == [(0, 60)]


def test_a_late_start_is_silence_to_the_sample():
    assert heard([0.503, 0.523]) == [(503, 543)]


def test_a_clock_that_starts_anywhere():
    assert heard([3600.5, 3600.52], origin=3600.0) == [(500, 540)]
    assert heard([1.4, 1.42], origin=None) == [(0, 40)]


@pytest.mark.parametrize("lost", [1, 30])
def test_lost_packets_are_silence(lost):
    gap = lost * 0.02
    assert heard([0, 0.02, 0.04 + gap, 0.06 + gap]) == [(0, 40), (40 + lost * 20, 80 + lost * 20)]


def test_a_packet_lost_before_the_last():
    assert heard([0, 0.02, 0.06]) == [(0, 40), (60, 80)]


def test_rounded_stamps_make_no_holes():
    assert heard([0, 0.021, 0.039, 0.061, 0.08]) == [(0, 100)]


def test_one_odd_stamp_makes_no_hole():
    assert heard([0, 0.02, 0.14, 0.06, 0.08]) == [(0, 100)]
    assert heard([0, 0.02, -5.0, 0.06, 0.08, 0.1]) == [(0, 120)]


def test_slow_drift_is_made_up_for():
    """Each frame 1 ms later than the last one's end: sync is kept to the tolerance."""
    times = [0.021 * i for i in range(100)]
    assert abs(heard(times)[-1][1] - (times[-1] * 1000 + 20)) <= 16


def test_stamps_that_start_again_follow_on():
    assert heard([0, 0.02, 0.0, 0.02]) == [(0, 80)]


def test_a_jump_of_hours_is_no_silence():
    assert heard([0, 0.02, 90_000, 90_000.02]) == [(0, 80)]


def test_frames_without_a_stamp_follow_on():
    assert heard([0, None, None, 0.06]) == [(0, 80)]


def test_the_last_frame_ends_where_the_container_says():
    assert heard([0.1, 0.12], origin=0.0, end=0.125) == [(100, 125)]
