"""CONTRIBUTING.md says how to add a lip model, an output format, a renderer: one of each, added here."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emogene import EmoGene
from emogene.audio import Speech
from emogene.avatar import Avatar
from emogene.clock import VIDEO_FPS, frame_count
from emogene.export import FORMATS
from emogene.face.landmarks import mouth_openness
from emogene.face.space import LandmarkSpace
from emogene.performance import Performance

DEMO = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"


class LoudnessLips:
    """A lip model: the louder, the wider. Whole faces at 25 fps, from every second row of 50 Hz."""

    def stream(self, space: LandmarkSpace, seed: int = 0) -> "LoudnessLips.Motion":
        return self.Motion(space)

    class Motion:
        def __init__(self, space: LandmarkSpace) -> None:
            self.space, self.rows, self.done = space, np.zeros(0, np.float32), 0

        def push(self, speech: Speech) -> np.ndarray | None:
            if speech.loudness is not None:
                self.rows = np.concatenate([self.rows, speech.loudness])
            known = len(self.rows) // 2 if speech.end is None else frame_count(speech.end, VIDEO_FPS)
            opening = np.clip(1 + self.rows[2 * self.done : 2 * known : 2] / 60, 0, 1)
            self.done = known
            faces = np.repeat(self.space.neutral[None], len(opening), 0).astype(np.float32)
            faces[:, [65, 66, 67, 55, 56, 57, 58, 59], 1] -= 0.2 * opening[:, None]
            return faces if len(faces) else None


class JsonMotion:
    """An output format: frames of blendshapes as JSON."""

    def __init__(self, about) -> None:
        self.about, self.frames = about, []

    def add(self, performance: Performance) -> None:
        self.frames += performance.blendshapes.values.tolist()

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"about": self.about, "frames": self.frames}))


class Silhouette:
    """A renderer: the mouth's opening as the height of a white bar."""

    def __init__(self, size: int) -> None:
        self.size = size

    def frames(self, performances: Iterable[Performance]) -> Iterator[np.ndarray]:
        for performance in performances:
            for opening in mouth_openness(performance.landmarks.points):
                picture = np.zeros((self.size, self.size, 3), np.uint8)
                picture[: int(min(opening, 1) * self.size)] = 255
                yield picture


@pytest.fixture(scope="module")
def pipeline() -> EmoGene:
    usual = EmoGene.from_pretrained("cpu")
    return EmoGene(LoudnessLips(), usual.emotion, usual.rig, usual.encoder, usual.rendering)


def test_another_lip_model_speaks(pipeline):
    performance = pipeline(DEMO, emotion="happy", size=64).performance
    opening, loud = mouth_openness(performance.lips.points), performance.loudness.values[:, 0]
    assert len(performance) == 241 and np.corrcoef(opening, np.clip(1 + loud / 60, 0, 1))[0, 1] > 0.95
    assert performance.emotion_shapes.column("mouthSmileLeft").max() > 0.2


def test_another_format_is_written(pipeline, tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS, ".json", f"{__name__}:JsonMotion")
    monkeypatch.setitem(
        __import__("sys").modules, __name__, __import__("types").SimpleNamespace(JsonMotion=JsonMotion)
    )
    pipeline(DEMO, size=64).save_motion(tmp_path / "motion.json")
    told = json.loads((tmp_path / "motion.json").read_text())
    assert (
        len(told["frames"]) == 241 and len(told["frames"][0]) == 52 and told["about"]["audio"] == "demo.ogg"
    )


def test_another_renderer_shows_the_performance(pipeline, tmp_path):
    class BarAvatar(Avatar):
        def renderer(self, size=512, **options):
            return Silhouette(size)

    usual = Avatar.open("default")
    person = BarAvatar(**{name: getattr(usual, name) for name in usual.__dataclass_fields__})
    result = pipeline(DEMO, avatar=person, size=64)
    heights = np.array([(frame[:, 0, 0] > 0).sum() for frame in result.frames()])
    opening = mouth_openness(result.performance.landmarks.points)
    assert len(heights) == 241 and np.corrcoef(heights, opening)[0, 1] > 0.95
    result.save(tmp_path / "bars.mp4")
    assert (tmp_path / "bars.mp4").stat().st_size > 1000


def test_they_are_what_the_protocols_ask_for():
    """Static: pyright checks these assignments too."""
    from emogene.audio2motion import LipModel
    from emogene.export import Motion

    lips: LipModel = LoudnessLips()
    motion: Motion = JsonMotion({})
    assert lips and motion and replace
