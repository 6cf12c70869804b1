from pathlib import Path

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.performance.track import pose_places

RECORDED = Path(__file__).parents[1] / "fixtures" / "mixture.npz"


def test_poses_in_every_mode():
    with np.load(RECORDED) as recorded:
        np.testing.assert_array_equal(pose_places("nearest", np.arange(23), 5), recorded["mirror_index_len5"])
    np.testing.assert_array_equal(pose_places("static", np.arange(3), 9), [0, 0, 0])
    np.testing.assert_array_equal(pose_places("nearest", np.arange(7), 4), [0, 1, 2, 3, 3, 2, 1])
    np.testing.assert_array_equal(pose_places("2-5", np.arange(8), 9), [2, 3, 4, 4, 3, 2, 2, 3])
    for wrong in ("5-2", "0-10", "-3", "a-b", "3-", ""):
        with pytest.raises(EmoGeneError, match="head pose"):
            pose_places(wrong, np.arange(3), 9)
