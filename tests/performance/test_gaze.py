from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.performance.gaze import HELD, MOST, WANDER, gaze


def still(frames: int) -> np.ndarray:
    return np.zeros((frames, 3))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 600), first=st.integers(0, 400))
def test_a_stretch_is_that_of_the_whole(seed, frames, first):
    whole = gaze(0, first + frames, Fraction(25), seed, still(first + frames))
    part = gaze(first, first + frames, Fraction(25), seed, still(frames))
    np.testing.assert_allclose(part, whole[first:], atol=1e-7)
    assert (np.abs(whole) <= MOST * WANDER + 1e-6).all()


def test_eyes_fixate_and_jump():
    looked = gaze(0, 3000, Fraction(100), 1, still(3000))
    speed = np.linalg.norm(np.diff(looked, axis=0), axis=1)
    assert (speed < 1e-7).mean() > 0.85, "mostly they hold still"
    assert 20 < (np.diff((speed > 1e-7).astype(int)) == 1).sum() < 40, "about once a second they do not"


def test_other_rates_look_at_the_same_places():
    slow, fast = (gaze(0, n, Fraction(fps), 2, still(n)) for n, fps in ((250, 25), (500, 50)))
    np.testing.assert_allclose(fast[::2], slow, atol=1e-6)


def test_eyes_stay_on_the_viewer_when_the_head_turns():
    turned = np.tile([0.02, 0.05, 0.0], (50, 1))  # down, and to the viewer's right
    moved = gaze(0, 50, Fraction(25), 3, turned) - gaze(0, 50, Fraction(25), 3, still(50))
    np.testing.assert_allclose(moved, np.tile([-0.05 * HELD, 0.02 * HELD], (50, 1)), atol=1e-6)
