from pathlib import Path

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.performance.track import mirror_index, pose_frames

RECORDED = Path(__file__).parents[1] / "fixtures" / "mixture.npz"


def test_poses_in_every_mode():
    with np.load(RECORDED) as recorded:
        np.testing.assert_array_equal(mirror_index(23, 5), recorded["mirror_index_len5"])
    np.testing.assert_array_equal(pose_frames("static", 3, 9), [0, 0, 0])
    np.testing.assert_array_equal(pose_frames("nearest", 7, 4), [0, 1, 2, 3, 3, 2, 1])
    np.testing.assert_array_equal(pose_frames("2-5", 8, 9), [2, 3, 4, 4, 3, 2, 2, 3])
    for wrong in ("5-2", "0-10", "-3", "a-b", "3-", ""):
        with pytest.raises(EmoGeneError, match="head pose"):
            pose_frames(wrong, 3, 9)


@pytest.mark.parametrize("mode", ["static", "nearest", "2-5"])
def test_a_stretch_has_the_poses_of_the_whole(mode):
    whole = pose_frames(mode, 40, 9)
    for start in (0, 1, 9, 23):
        np.testing.assert_array_equal(pose_frames(mode, 5, 9, start), whole[start : start + 5])
