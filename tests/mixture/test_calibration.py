import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.face.landmarks import mouth_openness
from emogene.face.space import LandmarkSpace
from emogene.mixture.calibration import Calibration, gaps


def test_measures_the_avatars_own_face(space):
    avatar = Calibration.of(space)
    openness = mouth_openness(space.database)
    assert openness.min() <= avatar.shut < avatar.wide <= openness.max()
    assert avatar.mouth_width == pytest.approx(np.linalg.norm(space.neutral[48] - space.neutral[54]))
    # The mouth opens downwards with the chin, and nothing else moves.
    assert gaps(avatar.opening[None]).mean(1)[0] @ avatar.direction == pytest.approx(1)
    assert avatar.direction[1] > 0.75 and avatar.opening[8, 1] < -0.2
    assert not avatar.opening[17:48].any()


def test_lips_share_a_gap_fully(space):
    weights = np.zeros((68, 3))
    weights[48:] = Calibration.of(space).lips
    upper, lower = weights[[61, 62, 63]], weights[[67, 66, 65]]
    np.testing.assert_allclose(upper - lower, np.eye(3), atol=1e-12)
    assert not weights[[48, 54, 60, 64]].any()


def test_scales_with_the_face(space):
    small, twice = (Calibration.of(LandmarkSpace(k * space.neutral, k * space.database)) for k in (1, 2))
    for name in ("shut", "wide", "mouth_width"):
        assert getattr(twice, name) == pytest.approx(2 * getattr(small, name), rel=1e-4)
    np.testing.assert_allclose(small.opening, twice.opening, atol=1e-4)


def test_a_face_that_never_speaks(space):
    avatar = Calibration.of(LandmarkSpace(space.neutral, np.repeat(space.neutral[None], 5, 0)))
    assert avatar.range > 0
    assert np.isfinite(avatar.opening).all()


def test_too_little_video_is_a_clear_error(space):
    with pytest.raises(EmoGeneError, match="fewer than 2"):
        Calibration.of(LandmarkSpace(space.neutral, space.database[:1]))
