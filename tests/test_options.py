from fractions import Fraction

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.options import checked_fps, checked_seed, checked_size, checked_track


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        ("25", 25),
        (25, 25),
        (np.float32(30), 30),
        (np.int64(60), 60),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        (Fraction(25, 3), Fraction(25, 3)),
        (1, 1),
        (240, 240),
    ],
)
def test_rates_as_video_has_them(fps, rate):
    assert checked_fps(fps) == rate


@pytest.mark.parametrize("fps", ["", "fast", "0", "-25", "nan", "inf", "1/0", 0.5, 241, "1e9", float("nan")])
def test_what_is_no_rate(fps):
    with pytest.raises(EmoGeneError, match=r"fps must be a number from 1 to 240, not"):
        checked_fps(fps)


@pytest.mark.parametrize("size", [64, np.int32(512), 2048])
def test_sizes(size):
    assert checked_size(size) == size and type(checked_size(size)) is int


@pytest.mark.parametrize("size", [0, 62, 63, 513, 2050, -64])
def test_odd_sizes(size):
    with pytest.raises(EmoGeneError, match="size must be an even number from 64 to 2048"):
        checked_size(size)


def test_seeds_and_tracks():
    assert checked_seed(np.uint64(2**63 - 1)) == 2**63 - 1
    assert checked_track(np.int8(2)) == 2 and checked_track(None) is None
    for wrong in (-1, 2**63):
        with pytest.raises(EmoGeneError, match="seed must be"):
            checked_seed(wrong)
    with pytest.raises(EmoGeneError, match="track must be 1"):
        checked_track(0)
