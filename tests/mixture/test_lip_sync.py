import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.face.landmarks import mouth_openness
from emogene.mixture.calibration import Calibration, gaps
from emogene.mixture.lip_sync import (
    ClosureRule,
    closure_windows,
    closures,
    hold_gaps,
    open_mouth,
    spread,
    wanted_gaps,
)

from .conftest import RATE, faces, words

RULE = ClosureRule()


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


def plosive(avatar: Calibration, rate: float) -> np.ndarray:
    """Half open, shut for .1 s, half open, then the utterance ends with a closed mouth; 2 s."""
    time = np.arange(round(2 * rate)) / rate
    level = np.interp(time, [0, 0.6, 0.7, 0.8, 0.9, 1.3, 1.4, 2], [0.6, 0.6, 0.02, 0.02, 0.6, 0.6, 0, 0])
    return avatar.shut + avatar.range * level


def test_closures_by_the_second_and_relative_to_the_face(space):
    avatar = Calibration.of(space)
    found = {}
    for rate in (25.0, 50.0, 100.0):
        closed = closures(plosive(avatar, rate), avatar, rate, RULE)
        times = np.flatnonzero(closed) / rate
        assert times.min() > 0.62 and times.max() < 0.9  # the plosive, not the end
        found[rate] = len(times) / rate
    assert max(found.values()) - min(found.values()) < 0.05
    twice = Calibration(**{**vars(avatar), "shut": 2 * avatar.shut, "wide": 2 * avatar.wide})
    a = closures(plosive(avatar, RATE), avatar, RATE, RULE)
    b = closures(plosive(twice, RATE), twice, RATE, RULE)
    np.testing.assert_array_equal(a, b)


def test_closure_windows_last_as_long_at_any_rate():
    for rate in (25.0, 50.0):
        events = np.zeros(round(2 * rate), bool)
        events[len(events) // 2] = True
        weights = closure_windows(events, rate, RULE)
        assert weights.max() == 1
        assert abs((weights > 0).sum() / rate - 2 * RULE.hold) < 2 / rate


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


def test_emotion_opens_only_an_open_mouth_away_from_closures(space):
    avatar = Calibration.of(space)
    lips = faces(words(100, 5), space.neutral)
    own = mouth_openness(lips)
    half = (avatar.shut + avatar.wide) / 2
    still = np.zeros(100)
    np.testing.assert_allclose(wanted_gaps(lips, still, still, avatar), gaps(lips))
    np.testing.assert_allclose(wanted_gaps(lips, still + 1, still + 0.5, avatar), gaps(lips))
    wider = np.linalg.norm(wanted_gaps(lips, still, still + 0.5, avatar)[:, 1], axis=-1)
    np.testing.assert_allclose(wider, own + 0.5 * np.clip(own - half, 0, None), atol=1e-6)
    assert np.corrcoef(wider, own)[0, 1] > 0.99


def test_short_and_empty(space):
    avatar = Calibration.of(space)
    for frames in (0, 1, 2):
        openness = np.full(frames, 0.1)
        assert len(closures(openness, avatar, RATE, RULE)) == frames
        assert len(closure_windows(np.zeros(frames, bool), RATE, RULE)) == frames
