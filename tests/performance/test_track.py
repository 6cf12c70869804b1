import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.performance.track import pose_places


def test_whole_times_give_the_official_frames():
    time = np.arange(8)
    np.testing.assert_array_equal(pose_places("static", time, 9), np.zeros(8))
    np.testing.assert_array_equal(pose_places("nearest", time, 4), [0, 1, 2, 3, 3, 2, 1, 0])
    np.testing.assert_array_equal(pose_places("2-5", time, 9), [2, 3, 4, 4, 3, 2, 2, 3])


def test_other_times_lie_between():
    fine = pose_places("nearest", np.arange(0, 20, 0.1), 4)
    assert np.abs(np.diff(fine)).max() <= 0.1 + 1e-9 and fine.min() == 0 and fine.max() == 3


@pytest.mark.parametrize("wrong", ["", "fast", "5-2", "3-3", "0-10", "-1-4", "1-x"])
def test_anything_else_is_one_line(wrong):
    with pytest.raises(EmoGeneError, match="head pose"):
        pose_places(wrong, np.arange(3), 9)
