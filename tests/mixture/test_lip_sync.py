import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.face.landmarks import mouth_openness
from emogene.mixture.calibration import Calibration, gaps
from emogene.mixture.lip_sync import any_within, hold_gaps, open_mouth, spread

from .conftest import faces, words


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 4))
@settings(max_examples=50)
def test_spread_is_the_greatest_window(events, radius):
    events = np.array(events, bool)
    shape = np.linspace(0.1, 1, 2 * radius + 1)
    wanted = np.zeros(len(events))
    for t in np.flatnonzero(events):
        for k in range(-radius, radius + 1):
            if 0 <= t + k < len(events):
                wanted[t + k] = max(wanted[t + k], shape[radius + k])
    np.testing.assert_array_equal(spread(events, shape), wanted)


def test_held_gaps_are_exact_and_nothing_but_the_mouth_moves(space):
    avatar = Calibration.of(space)
    rng = np.random.default_rng(0)
    lips = faces(words(40, 5), space.neutral)
    mixed = lips + rng.normal(0, 0.02, lips.shape)
    got = hold_gaps(mixed, gaps(lips), avatar)
    np.testing.assert_allclose(mouth_openness(got), mouth_openness(lips), atol=1e-6)
    still = [*range(48), 48, 54, 60, 64]
    np.testing.assert_array_equal(got[:, still], mixed[:, still])


def test_open_mouth_brings_the_jaw_along(space):
    avatar = Calibration.of(space)
    shut = np.repeat(space.neutral[None].astype(float), 4, 0)
    wide = shut + 0.1 * avatar.opening
    got = open_mouth(shut, gaps(wide), avatar)
    np.testing.assert_allclose(got, wide, atol=1e-6)


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=50)
def test_any_within(events, before, after):
    events = np.array(events, bool)
    found = any_within(events, before, after)
    for t in range(len(events)):
        assert found[t] == events[max(0, t - before) : t + after + 1].any()
