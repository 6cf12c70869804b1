from fractions import Fraction

import numpy as np
import pytest
from emogene.video.curves import COLOURS, LEFT, RIGHT, WIDTH, draw_curves

from emogene.emotalk import HEARD, LABELS
from emogene.face.arkit import blendshapes
from emogene.track import Track

FPS = Fraction(25)


def draw(frames: int, label: str = "happy", strength: float = 1.0, told: bool = True) -> np.ndarray:
    """A voice that is neutral at first, then ``label`` to the end."""
    heard, shown = np.zeros((frames, 8), np.float32), np.zeros((frames, 9), np.float32)
    half = frames // 2
    heard[:half, 0], heard[half:, HEARD.index(label)] = 1, 1
    shown[half:, LABELS.index(label)] = strength
    told_tracks = Track(heard, HEARD, FPS, "probability"), Track(shown, LABELS, FPS, "share")
    tracks = told_tracks if told else (None, None)
    motion = blendshapes(np.full((frames, 52), 0.3, np.float32), FPS)
    return np.asarray(draw_curves(*tracks, motion, np.full(frames, -20.0), "voice.wav"))


def share(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((np.abs(picture.astype(int) - colour).max(-1) < 3).mean())


@pytest.mark.parametrize("frames", [1, 2, 75, 1500, 90_000])
def test_any_length_has_the_same_picture(frames):
    picture = draw(frames)
    assert picture.shape == draw(250).shape and picture.shape[1] == WIDTH


@pytest.mark.parametrize("frames", [100, 50_000])
def test_areas_are_where_and_as_high_as_the_emotion(frames):
    picture = draw(frames, "sad", 2.0)
    middle = (LEFT + WIDTH - RIGHT) // 2
    first, second = picture[:, LEFT + 5 : middle - 20], picture[:, middle + 20 : WIDTH - RIGHT - 5]
    assert share(first, COLOURS["sad"]) < 1e-4 and share(first, COLOURS["neutral"]) > 0.15
    assert share(second, COLOURS["neutral"]) < 1e-4  # of the antialiased text
    assert share(second, COLOURS["sad"]) == pytest.approx(2 * share(first, COLOURS["neutral"]), rel=0.1)


def test_a_model_that_tells_no_emotions_has_a_smaller_picture():
    assert len(draw(50, told=False)) < len(draw(50))
