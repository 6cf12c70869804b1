import numpy as np
import pytest

from emogene.motion2video.splats import Gaussians, Group
from emogene.motion2video.splats.layout import DYNAMIC


def splats(count=3000, components=13):
    random = np.random.default_rng(0)
    motion = random.standard_normal((7, components, count)).astype(np.float32)
    groups = (np.arange(count) % 2 * Group.HAIR).astype(np.uint8)
    return Gaussians(random.standard_normal((13, count)).astype(np.float32), motion, groups)


def test_splats_are_linear_in_the_condition():
    """More splats than a chunk of the kernel, and components that do not fill its last eight."""
    given = splats()
    condition = np.random.default_rng(1).standard_normal(13)
    wanted = given.base.astype(float)
    wanted[list(DYNAMIC)] += np.einsum("k,dkn->dn", condition, given.motion)
    np.testing.assert_allclose(given.at(condition), wanted, atol=1e-4)


def test_an_array_can_be_used_again():
    given, out = splats(), np.empty((13, 3000), np.float32)
    assert given.at(np.ones(13), out) is out
    np.testing.assert_array_equal(given.at(np.zeros(13), out), given.base)


def test_a_group_can_be_taken_out():
    given = splats()
    hair = given.chosen(given.groups == Group.HAIR)
    assert len(hair) == 1500
    np.testing.assert_array_equal(hair.at(np.ones(13)), given.at(np.ones(13))[:, 1::2])


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="shapes"):
        Gaussians(np.zeros((13, 5), np.float32), np.zeros((7, 2, 4), np.float32), np.zeros(5, np.uint8))
