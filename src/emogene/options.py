"""The numbers that a run is told, checked before anything is loaded; numpy's are as good as Python's."""

import operator
from fractions import Fraction
from typing import SupportsFloat, SupportsIndex

from emogene.errors import EmoGeneError

SIZES = range(64, 2049)
SEEDS = 2**63
FPS = Fraction(1), Fraction(240)

Rate = str | SupportsFloat | Fraction
"""Frames a second."""


def checked_size(size: SupportsIndex) -> int:
    """The side of a video in pixels, which is even."""
    side = operator.index(size)
    if side not in SIZES or side % 2:
        raise EmoGeneError(f"size must be an even number from {SIZES.start} to {SIZES.stop - 1}, not {side}")
    return side


def checked_seed(seed: SupportsIndex) -> int:
    number = operator.index(seed)
    if not 0 <= number < SEEDS:
        raise EmoGeneError(f"seed must be a number from 0 to {SEEDS - 1}, not {number}")
    return number


def checked_fps(fps: Rate) -> Fraction:
    """25, 29.97, "30000/1001": exact, as video has it; 29.97 is short for 30000/1001."""
    try:
        rate = Fraction(fps) if isinstance(fps, str | Fraction) else Fraction(float(fps))
        rate = rate.limit_denominator(1001)
    except (ValueError, OverflowError, TypeError, ZeroDivisionError):
        rate = Fraction(0)
    if not FPS[0] <= rate <= FPS[1]:
        raise EmoGeneError(f"fps must be a number from {FPS[0]} to {FPS[1]}, not {fps}")
    nominal = round(rate * 1001 / 1000)
    if rate.denominator > 1 and abs(rate * 1001 / 1000 - nominal) < Fraction(5, 1000):
        return Fraction(1000 * nominal, 1001)
    return rate


def checked_track(track: SupportsIndex | None) -> int | None:
    """Which sound track of a file, from 1; None leaves it to the file."""
    if track is not None and operator.index(track) < 1:
        raise EmoGeneError(f"track must be 1, for the first, or more, not {track}")
    return None if track is None else operator.index(track)
