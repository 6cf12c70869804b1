from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from emogene.emotalk import HEARD, LABELS
from emogene.export.curves import COLOURS, LEFT, LINES, RIGHT, WIDTH, Curves, draw_curves
from emogene.face.arkit import INDEX
from emogene.face.pose import HeadPose
from emogene.track import Track

FPS = Fraction(25)


def told(frames: int, label: str, strength: float) -> tuple[Track, Track]:
    """A voice that is neutral at first, then ``label`` to the end: heard and shown."""
    heard, shown = np.zeros((frames, 8), np.float32), np.zeros((frames, 9), np.float32)
    half = frames // 2
    heard[:half, 0], heard[half:, HEARD.index(label)] = 1, 1
    shown[half:, LABELS.index(label)] = strength
    return Track(heard, HEARD, FPS, "probability"), Track(shown, LABELS, FPS, "share")


def draw(frames: int, label: str = "happy", strength: float = 1.0, tells: bool = True) -> np.ndarray:
    tracks = told(frames, label, strength) if tells else (None, None)
    lines = Track(np.full((frames, len(LINES)), 0.3, np.float32), tuple(LINES), FPS, "weight")
    loudness = Track(np.full((frames, 1), -20, np.float32), ("loudness",), FPS, "dB")
    return np.asarray(draw_curves(*tracks, lines, loudness, "voice.wav"))


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
    assert len(draw(50, tells=False)) < len(draw(50))


def test_the_lines_are_the_blendshapes_of_the_video(performed, tmp_path):
    """A smile in the second half moves its line, and no other, from the bottom up."""
    frames = 100
    still = HeadPose(np.repeat(np.eye(3)[None], frames, 0), np.zeros((frames, 3)), FPS)
    performance = performed(np.zeros((frames, 68, 3)), still)
    shapes = performance.emotion_shapes.values.copy()
    shapes[frames // 2 :, [INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 1
    emotion = replace(performance.emotion_shapes, values=shapes)
    curves = Curves({"audio": "voice.wav"})
    smiling = replace(performance, emotion_shapes=emotion)
    curves.add(smiling[: frames // 3])
    curves.add(smiling[frames // 3 :])
    curves.write(tmp_path / "curves.png")
    picture = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int)
    colour = LINES["smile"][1]
    rows, columns = np.nonzero(np.abs(picture[:, LEFT : WIDTH - RIGHT] - colour).max(-1) < 12)
    middle = (WIDTH - RIGHT - LEFT) // 2
    # The other lines lie on it while all of them rest.
    assert (columns > middle + 10).sum() > 100 > 5 * (columns < middle - 10).sum()
    assert np.ptp(rows[columns > middle + 10]) < 8


def test_pieces_make_the_picture_of_the_whole(performed, tmp_path):
    frames = 90
    still = HeadPose(np.repeat(np.eye(3)[None], frames, 0), np.zeros((frames, 3)), FPS)
    heard, shown = told(frames, "sad", 1.5)
    performance = replace(performed(np.zeros((frames, 68, 3)), still), heard=heard, shown=shown)
    pictures = []
    for cuts in ([0, 90], [0, 10, 11, 60, 90]):
        curves = Curves({"audio": "voice.wav"})
        for start, stop in pairwise(cuts):
            curves.add(performance[start:stop])
        curves.write(tmp_path / "curves.png")
        pictures.append((tmp_path / "curves.png").read_bytes())
    assert pictures[0] == pictures[1]
