"""The comparison: what stands where, and that landmarks are drawn where they are."""

import numpy as np
import pytest

from emogene.face.space import LandmarkSpace
from emogene.video.compare import FourPanels, LandmarkPanel


@pytest.fixture(scope="module")
def space() -> LandmarkSpace:
    """A made-up face: points on a grid, each wobbling by 2 mm."""
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, 10), np.linspace(-0.6, 0.6, 7))
    neutral = np.stack([x.ravel()[:68], y.ravel()[:68], np.zeros(68)], 1).astype(np.float32)
    wobble = np.random.default_rng(0).normal(0, 0.02, (200, 68, 3)).astype(np.float32)
    return LandmarkSpace(neutral, neutral + wobble)


def test_panels_stand_in_the_order_of_their_titles(space):
    panels = FourPanels(space, 128)
    faces = (np.full((128, 128, 3), 50, np.uint8), np.full((128, 128, 3), 200, np.uint8))
    frame = panels.draw(7, faces, (space.neutral, space.neutral + 0.1))
    assert frame.shape == (panels.height, panels.width, 3) and frame.shape[1] == 4 * 128
    assert panels.width % 2 == panels.height % 2 == 0
    first, second, third, fourth = np.split(frame[panels.bar :], 4, axis=1)
    assert (first == 50).all() and (second == 200).all()
    assert (third != fourth).any()


def test_the_counter_changes_and_the_rest_of_the_top_does_not(space):
    panels = FourPanels(space, 128)
    faces = (np.zeros((128, 128, 3), np.uint8),) * 2
    first, second = (panels.draw(t, faces, (space.neutral,) * 2) for t in (8, 9))
    changed = np.flatnonzero((first != second).any((0, 2)))
    assert len(changed) and set(changed // 128) == {2, 3}


def test_a_point_is_drawn_where_it_is(space):
    """Raising one brow point by 1 cm puts a bright dot where there was none."""
    panel = LandmarkPanel(space, 256)
    raised = space.neutral.copy()
    raised[20, 1] += 0.1
    x, y = panel._pixels(raised)[20].round().astype(int)
    assert y < panel._pixels(space.neutral)[20, 1]
    assert panel.draw(raised)[y, x].mean() > panel.draw(space.neutral)[y, x].mean() + 60
