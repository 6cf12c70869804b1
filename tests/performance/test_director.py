from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from emogene.audio import Speech
from emogene.face.arkit import blendshapes
from emogene.face.felt import EmotionalSpeech
from emogene.face.mixed import Mixed
from emogene.face.pose import HeadPose
from emogene.performance.body import Body
from emogene.performance.director import Director
from emogene.track import Track

FPS = Fraction(25)
SECOND = Speech(
    samples=None,
    f0=np.full(50, 120, np.float32),
    loudness=np.linspace(-60, -20, 50, dtype=np.float32),
    features=None,
    end=Fraction(1),
)


def mixed() -> Mixed:
    draw = np.random.default_rng(0)
    faces = draw.normal(size=(3, 25, 68, 3)).astype(np.float32)
    weights = draw.random((25, 52)).astype(np.float32)
    return Mixed(*faces, weights=weights, free=np.zeros(25, np.float32))


def felt() -> EmotionalSpeech:
    """All that a model may say, at the video's own rate."""
    draw = np.random.default_rng(1)
    emotion, words = (blendshapes(draw.random((25, 52)).astype(np.float32), FPS) for _ in range(2))
    heard = Track(draw.random((25, 2)).astype(np.float32), ("happy", "sad"), FPS, "probability")
    shown = Track(draw.random((25, 3)).astype(np.float32), ("happy", "sad", "calm"), FPS, "share")
    return EmotionalSpeech(emotion=emotion, words=words, heard=heard, shown=shown)


def directed(told: EmotionalSpeech):
    still = HeadPose(np.tile(np.eye(3, dtype=np.float32), (30, 1, 1)), np.zeros((30, 3), np.float32), FPS)
    return Director(FPS, Body(still, FPS, seed=0)).push(mixed(), told, SECOND)


@pytest.mark.parametrize(
    "missing", [(), ("words",), ("heard",), ("heard", "shown"), ("words", "heard", "shown")]
)
def test_what_a_model_does_not_say_is_missing_and_the_rest_is_in_its_place(missing):
    told = replace(felt(), **dict.fromkeys(missing))
    performance = directed(told)
    assert performance is not None and len(performance) == 25
    for name in ("heard", "shown"):
        said, passed_on = getattr(told, name), getattr(performance, name)
        assert (said is None) == (passed_on is None)
        if said is not None:
            assert passed_on.names == said.names
            np.testing.assert_allclose(passed_on.values, said.values, atol=1e-6)
    words = np.zeros((25, 52)) if told.words is None else told.words.values
    np.testing.assert_allclose(performance.speech_shapes.values, words, atol=1e-6)
    np.testing.assert_allclose(performance.emotion_shapes.values, mixed().weights, atol=1e-6)
