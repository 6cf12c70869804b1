"""CONTRIBUTING.md says how to add a lip model, an output format, a renderer: one of each, added here."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from emogene import EmoGene
from emogene.audio import Speech
from emogene.audio2motion import LIP_MODELS
from emogene.avatar import Avatar
from emogene.avatar.file import KINDS, open_avatar, write_avatar
from emogene.clock import VIDEO_FPS, frame_count
from emogene.export import FORMATS
from emogene.face.landmarks import mouth_openness
from emogene.face.space import LandmarkSpace
from emogene.performance import Performance

DEMO = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"


class LoudnessLips:
    """A lip model: the louder, the wider. Whole faces at 25 fps, from every second row of 50 Hz."""

    @classmethod
    def from_embedded(cls, device: str) -> "LoudnessLips":
        return cls()

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

    def __init__(self, about: Mapping[str, object]) -> None:
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


class BarAvatar(Avatar):
    """A kind of avatar: the embedded one's face, shown as a bar."""

    @classmethod
    def unpack(cls, header: dict, tensors: dict) -> "BarAvatar":
        usual, names = Avatar.open(header["face"]), [field.name for field in fields(Avatar)]
        return cls(**{name: getattr(usual, name) for name in names})

    def renderer(self, size=512, **options):
        return Silhouette(size)


@pytest.fixture(scope="module")
def pipeline() -> EmoGene:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIP_MODELS, "loudness", here("LoudnessLips", patch))
        return EmoGene.from_pretrained("cpu", lips="loudness")


def here(name: str, patch: pytest.MonkeyPatch) -> str:
    """``module:class`` of a class of this file, which a registry imports by name."""
    patch.setitem(sys.modules, "an_extension", sys.modules[__name__])
    return f"an_extension:{name}"


def test_another_lip_model_speaks(pipeline):
    performance = pipeline(DEMO, emotion="happy", size=64).performance
    opening, loud = mouth_openness(performance.lips.points), performance.loudness.values[:, 0]
    assert len(performance) == 241 and np.corrcoef(opening, np.clip(1 + loud / 60, 0, 1))[0, 1] > 0.95
    assert performance.emotion_shapes.column("mouthSmileLeft").max() > 0.2


def test_another_format_is_written(pipeline, tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS, ".json", here("JsonMotion", monkeypatch))
    pipeline(DEMO, size=64).save_motion(tmp_path / "motion.json")
    told = json.loads((tmp_path / "motion.json").read_text())
    assert len(told["frames"]) == 241 and len(told["frames"][0]) == 52
    assert told["about"]["audio"] == "demo.ogg"


def test_another_renderer_shows_the_performance(pipeline, tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "bars", here("BarAvatar", monkeypatch))
    write_avatar(tmp_path / "bars.safetensors", "bars", {"face": "default"}, {"none": torch.zeros(1)})
    result = pipeline(DEMO, avatar=open_avatar(tmp_path / "bars.safetensors"), size=64)
    heights = np.array([(frame[:, 0, 0] > 0).sum() for frame in result.frames()])
    opening = mouth_openness(result.performance.landmarks.points)
    assert len(heights) == 241 and np.corrcoef(heights, opening)[0, 1] > 0.95
    result.save(tmp_path / "bars.mp4")
    assert (tmp_path / "bars.mp4").stat().st_size > 1000


def test_they_are_what_the_protocols_ask_for():
    """Static: pyright checks these assignments."""
    from emogene.audio2motion import LipModel
    from emogene.export import Motion

    lips: LipModel = LoudnessLips()
    motion: Motion = JsonMotion({})
    assert lips and motion
