import numpy as np
import pytest

from emogene.evaluate.judge import CLASSES, FOREHEAD, Judge, face_square


def test_a_blank_picture_gets_probabilities():
    pytest.importorskip("ai_edge_litert")
    points = np.array([[20.0, 20.0], [60.0, 70.0]]).repeat(34, 0)[None]
    found = Judge().probabilities(np.full((1, 96, 96, 3), 128, np.uint8), points)
    assert found.shape == (1, len(CLASSES)) and found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("forehead", "top"), [(FOREHEAD, 27), (0, 5)])
def test_the_face_is_the_square_around_landmarks_and_forehead(forehead, top):
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[60:160, 70:130] = 255
    square = face_square(picture, np.array([[70.0, 60.0], [130.0, 160.0]]), 66, forehead)
    assert square.shape == (66, 66)
    rows, columns = np.flatnonzero(square.max(1) > 128), np.flatnonzero(square.max(0) > 128)
    pixel = 66 / (1.1 * 100 * (1 + forehead))
    assert len(rows) == pytest.approx(100 * pixel, abs=1) and len(columns) == pytest.approx(60 * pixel, abs=1)
    assert rows[0] == pytest.approx(top * pixel, abs=1), "the forehead is above the landmarks"
    assert columns[0] == pytest.approx(65 - columns[-1], abs=1)
