import numpy as np
import pytest

from emogene.evaluate.judge import CLASSES, Judge, face_square, recognised


def test_a_blank_picture_gets_probabilities():
    pytest.importorskip("ai_edge_litert")
    points = np.array([[20.0, 20.0], [60.0, 70.0]]).repeat(34, 0)[None]
    found = Judge().probabilities(np.full((1, 96, 96, 3), 128, np.uint8), points)
    assert found.shape == (1, len(CLASSES)) and found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=0.02)


def test_the_face_is_the_square_around_the_landmarks():
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[20:80, 30:90] = 255
    square = face_square(picture, np.array([[30.0, 20.0], [90.0, 80.0]]), 44)
    assert square.shape == (44, 44)
    assert square[3:-3, 3:-3].min() == 255 and square[0].max() < 40, "a margin of a tenth around it"


def test_recognised_is_the_share_of_right_labels():
    sure = np.eye(7)[[0, 3, 6, 6]]
    assert recognised(sure, ["angry", "happy", "neutral", "sad"]) == 0.75
