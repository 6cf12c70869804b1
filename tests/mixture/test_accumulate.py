import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.face.landmarks import PARTS
from emogene.mixture.accumulate import (
    emotional_displacement,
    opening_of,
    soft_limit,
    within_reach,
    without_opening,
)
from emogene.mixture.calibration import Calibration

from .conftest import EXPRESSIONS, RATE, expression, faces, words


def test_emotional_displacement_has_no_lag_and_keeps_the_mean():
    bump = np.exp(-(((np.arange(101) - 50) / 12) ** 2))[:, None, None] * np.ones((1, 68, 3))
    got = emotional_displacement(bump, np.zeros((68, 3)), RATE, 0.2)
    assert got[:, 0, 0].argmax() == 50
    np.testing.assert_allclose(got, got[::-1], atol=1e-12)
    np.testing.assert_allclose(got.mean(), bump.mean(), rtol=1e-6)


@pytest.mark.parametrize("label", EXPRESSIONS)
def test_opening_is_taken_and_the_corners_stay(space, label):
    avatar = Calibration.of(space)
    asked = faces(expression(label)[None], space.neutral) - space.neutral
    kept = without_opening(asked, avatar)
    np.testing.assert_allclose(opening_of(kept, avatar), 0, atol=1e-7)
    np.testing.assert_allclose(kept[:, 17:48], asked[:, 17:48])
    asked_corners, kept_corners = asked[:, [48, 54]], kept[:, [48, 54]]
    assert (asked_corners * kept_corners).sum() > 0.9 * (asked_corners**2).sum()


def test_closing_undoes_speech(space):
    """The rig's jaw and the avatar's own opening are much the same motion."""
    avatar = Calibration.of(space)
    spoken = faces(words(50, 3), space.neutral) - space.neutral
    left = without_opening(spoken, avatar)
    assert np.linalg.norm(left[:, 60:68]) < 0.6 * np.linalg.norm(spoken[:, 60:68])


def test_natural_expressions_are_within_reach(space):
    avatar = Calibration.of(space)
    for label in EXPRESSIONS:
        asked = without_opening(faces(expression(label)[None], space.neutral) - space.neutral, avatar)
        np.testing.assert_allclose(within_reach(asked, avatar), asked, atol=1e-6)


@given(scale=st.floats(0, 50), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_reach_bounds_every_part_and_keeps_its_shape(space, scale, seed):
    avatar = Calibration.of(space)
    asked = scale * np.random.default_rng(seed).normal(0, 0.1, (3, 68, 3))
    got = within_reach(asked, avatar)
    for part, points in PARTS.items():
        assert np.linalg.norm(got[:, points], axis=-1).max() <= avatar.reach[part] * (1 + 1e-9)
        for frame in range(3):
            gain = got[frame, points].ravel() @ asked[frame, points].ravel()
            norms = np.linalg.norm(got[frame, points]) * np.linalg.norm(asked[frame, points])
            assert gain == pytest.approx(norms, abs=1e-9)


def test_soft_limit():
    x = np.linspace(0, 5, 1000)
    y = soft_limit(x)
    assert (np.diff(y) >= 0).all() and y.max() <= 1
    np.testing.assert_array_equal(y[x < 0.8], x[x < 0.8])
    assert np.diff(y, 2).min() > -1e-4  # no kink
