"""Decoded sound to its place in time: silence where a container says that nothing is there."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import NamedTuple

from emogene.audio.block import Block

TOLERANCE = 0.015
"""Seconds of lateness that are no hole: above what rounding does to time stamps, below any lost packet."""
LONGEST = 3600
"""Seconds; a longer hole is a fault of the time stamps."""


class Stamped(NamedTuple):
    block: Block
    time: float | None
    """Seconds, by the container's clock, of its first sample; None where it does not say."""


def _unheard(since: float, seconds: float) -> None: ...


def in_time(
    frames: Iterable[Stamped],
    origin: float | None,
    end: float | None = None,
    hole: Callable[[float, float], None] = _unheard,
) -> Iterator[Block]:
    """The frames from ``origin`` to ``end``, in seconds of the container's clock, and silence between them.

    A hole is there when two frames running are late, so that one odd stamp makes none. Stamps that run back,
    as in joined files, or too far ahead count anew from there. ``hole`` is told where each hole but the first
    frame's own lateness starts and how long it is.
    """
    first, elapsed = True, 0.0
    for frame, following in pairwise(chain(frames, [None])):
        assert frame is not None
        origin = frame.time if origin is None else origin
        late = 0.0
        if origin is not None:
            late = _lateness(frame, None if first else following, origin + elapsed)
            if abs(late) > LONGEST or (late < -TOLERANCE and not first):
                origin += late
                late = 0.0
        if late > (0 if first else TOLERANCE):
            if not first:
                hole(elapsed, late)
            for silence in frame.block.silence(late):
                elapsed += silence.seconds
                yield silence
        block, first = frame.block, False
        if following is None and end is not None and frame.time is not None and frame.time < end:
            block = block.upto(end - frame.time)
        elapsed += block.seconds
        yield block


def _lateness(frame: Stamped, following: Stamped | None, due: float) -> float:
    """Seconds by which a frame comes after ``due``: what it and the next one agree on."""
    if frame.time is None:
        return 0.0
    late = frame.time - due
    if following is None or following.time is None:
        return late
    next_late = following.time - due - frame.block.seconds
    return 0.0 if (late > 0) != (next_late > 0) else min(late, next_late, key=abs)
