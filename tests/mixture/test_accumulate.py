from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.clock import VIDEO_FPS
from emogene.errors import EmoGeneError
from emogene.face.arkit import ARKIT_52, INDEX, blendshapes
from emogene.face.landmarks import PARTS
from emogene.mixture.accumulate import (
    drop_every_sixth,
    emotional_displacement,
    opening_of,
    reference_accumulate,
    reference_blendshapes,
    soft_limit,
    within_reach,
    without_opening,
)
from emogene.mixture.calibration import Calibration

from .conftest import EXPRESSIONS, RATE, expression, faces, words


def test_reference_variants_part_by_part():
    rng = np.random.default_rng(0)
    lips, emotion = rng.normal(size=(2, 4, 68, 3))
    wanted = {
        6: {"mouth": lips + emotion, "brows": lips + emotion, "eyes": lips + emotion, "jaw": lips + emotion},
        7: {
            "mouth": lips + emotion,
            "brows": emotion,
            "eyes": lips,
            "jaw": lips + 0.5 * emotion,
            "nose": lips,
        },
        8: {"mouth": lips + emotion, "brows": emotion, "eyes": lips, "jaw": emotion, "nose": lips},
        9: {"mouth": lips + emotion, "brows": emotion, "eyes": lips, "jaw": 0.5 * lips, "nose": lips},
    }
    for variant, parts in wanted.items():
        got = reference_accumulate(lips, emotion, variant)
        for part, values in parts.items():
            np.testing.assert_allclose(got[:, PARTS[part]], values[:, PARTS[part]])
    with pytest.raises(EmoGeneError, match="variant 5"):
        reference_accumulate(lips, emotion, 5)


def test_reference_gains():
    weights = np.full((20, 52), 0.1, np.float32)
    got = reference_blendshapes(blendshapes(weights, Fraction(30)), 2.5).values
    doubled = np.isclose(got[0], 0.5)
    assert doubled.sum() == 19 and np.isclose(got[0, ~doubled], 0.25).all()
    assert doubled[INDEX["browInnerUp"]] and doubled[INDEX["eyeBlinkLeft"]] and not doubled[INDEX["jawOpen"]]


def test_reference_smoothing_keeps_parabolas():
    time = np.linspace(0, 1, 30)
    weights = np.repeat((0.2 + 0.5 * time - 0.3 * time**2)[:, None], 52, 1).astype(np.float32)
    got = reference_blendshapes(blendshapes(weights, Fraction(30)), 1.0).values
    np.testing.assert_allclose(got[:, INDEX["jawOpen"]], weights[:, 0], atol=1e-6)
    short = reference_blendshapes(blendshapes(weights[:3], Fraction(30)), 1.0).values
    np.testing.assert_allclose(short[:, INDEX["jawOpen"]], weights[:3, 0])


def test_drop_every_sixth():
    weights = np.repeat(np.arange(13.0)[:, None], 52, 1)
    got = drop_every_sixth(blendshapes(weights, Fraction(30)), 13)
    np.testing.assert_array_equal(got.values[:, 0], [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 0, 0])
    assert got.fps == VIDEO_FPS and got.names == ARKIT_52
    assert len(drop_every_sixth(blendshapes(weights, Fraction(30)), 4)) == 4


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
