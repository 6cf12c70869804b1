"""What is seen in rendered faces: the counting, and the whole on a few frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emogene.avatar import Avatar
from emogene.evaluate.faces_seen import Seen, lips, recognition, seen, speaking
from emogene.evaluate.judge import CLASSES

MODEL = Path(__file__).parents[3] / "shared" / "data" / "models" / "face_landmarker.task"


def test_frames_are_spread_over_the_loud_ones():
    loudness = np.full(100, -60.0)
    loudness[20:40] = loudness[70:90] = -20
    rows = speaking(loudness, 10)
    assert len(rows) == 10 and rows[0] == 20 and rows[-1] == 89
    assert all(20 <= row < 40 or 70 <= row < 90 for row in rows)
    assert len(speaking(loudness, 1000)) == 40, "no frame twice"


def test_every_emotion_counts_alike():
    """Angry is seen in both frames; a third of happy's is taken for sad; the others are all right."""
    right = {emotion: [np.eye(7)[[i]], np.eye(7)[[i]]] for i, emotion in enumerate(CLASSES)}
    happy, sad = CLASSES.index("happy"), CLASSES.index("sad")
    right["happy"] = [np.eye(7)[[happy, sad]], np.eye(7)[[happy]]]
    figures = recognition(right)
    assert figures["accuracy"] == pytest.approx((6 + 2 / 3) / 7)
    assert figures["by_emotion"]["happy"] == pytest.approx(2 / 3)
    assert figures["confusion"]["happy"]["sad"] == pytest.approx(1 / 3)
    assert figures["by_voice"] == pytest.approx([6.5 / 7, 1])


def seeing(tracked: np.ndarray) -> Seen:
    wanted = np.array([0.0, 0.02, 0.1, 0.0])
    nothing = np.zeros((4, 7))
    return Seen(nothing, nothing, tracked, wanted, wanted, np.zeros((4, 1)), ("jawOpen",))


def test_closed_lips_are_compared_with_the_neutral_face():
    rest = seeing(np.array([0.001, 0.02, 0.1, 0.002]))
    apart = seeing(rest.tracked + np.array([0.004, 0.05, 0, 0.006]))
    figures = lips({"neutral": [rest], "angry": [apart]})
    assert figures["angry"]["closed_frames"] == 2
    assert figures["angry"]["closed_mm_above_neutral"] == pytest.approx(0.5)
    assert figures["angry"]["closed_mm_worst"] == pytest.approx(0.6)
    assert figures["neutral"]["closed_mm_above_neutral"] == 0
    assert figures["neutral"]["correlation"] > 0.99 > figures["angry"]["correlation"]


@pytest.mark.skipif(not MODEL.is_file(), reason="needs ../shared/data/models/face_landmarker.task")
def test_the_embedded_avatar_is_seen():
    """An avatar is measured as it is given, not as its name would find it."""
    pytest.importorskip("ai_edge_litert", reason="the judge runs on LiteRT")
    pytest.importorskip("mediapipe", reason="faces are tracked by MediaPipe")
    avatar = Avatar.open("default")
    assert isinstance(avatar, Avatar)
    stranger = replace(avatar, provenance=replace(avatar.provenance, name="stranger"))
    figures = seen(stranger, [], MODEL, frames=4)
    assert figures["voices"] == ["demo"] and figures["frames"] == 4 * len(CLASSES)
    assert figures["emotion_with_forehead"]["accuracy"] > 2 / 7, "twice as good as chance"
    assert min(row["correlation"] for row in figures["lips"].values()) > 0.8
    assert figures["tracker"]["happy"]["mouthSmileLeft"] > 0.3
