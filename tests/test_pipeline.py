"""The pipeline: the stages agree on time and space, and the same question has the same answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emogene import EmoGene, EmoGeneError
from emogene.face.landmarks import BROWS, Landmarks, mouth_openness
from emogene.pipeline import STAGES, Result, choose_device

DEMO = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"


@pytest.fixture(scope="module")
def pipeline() -> EmoGene:
    return EmoGene.from_pretrained("cpu")


@pytest.fixture(scope="module")
def result(pipeline) -> Result:
    return pipeline(DEMO, emotion="happy", size=64)


def test_every_track_covers_the_sound(result):
    frames = 241  # 9.6225 s at 25 a second
    assert len(result) == frames
    for track in (result.mixed, result.lips, result.emotion):
        assert track.points.shape == (frames, 68, 3) and track.points.dtype == np.float32
        assert np.isfinite(track.points).all()
    assert result.blendshapes.values.shape == (frames, 52)
    assert result.heard.values.shape == (frames, 8) and result.shown.values.shape == (frames, 9)
    assert result.heard.fps == 25 and sum(result.heard.mean().values()) == pytest.approx(1, abs=1e-4)
    assert result.loudness.shape == (frames,)


def test_the_mouth_follows_the_lips_and_the_brows_the_emotion(pipeline, result):
    mixed, lips = mouth_openness(result.mixed.points), mouth_openness(result.lips.points)
    assert np.corrcoef(mixed, lips)[0, 1] > 0.9
    surprised = pipeline(DEMO, emotion="surprised", size=64)
    raised = (surprised.mixed.points - surprised.lips.points)[:, BROWS, 1].mean()
    assert raised > 0.02


def test_the_same_question_has_the_same_answer(pipeline, result):
    again = pipeline(DEMO, emotion="happy", size=64)
    assert np.array_equal(again.mixed.points, result.mixed.points)
    other = pipeline(DEMO, emotion="happy", size=64, seed=1)
    assert not np.array_equal(other.mixed.points, result.mixed.points)


def test_the_audio_networks_are_on_the_device(result, pretended_cuda):
    there = EmoGene.from_pretrained("cuda")(DEMO, emotion="happy", size=64)
    np.testing.assert_allclose(there.mixed.points, result.mixed.points, atol=1e-3)
    np.testing.assert_allclose(there.blendshapes.values, result.blendshapes.values, atol=1e-3)


def test_frames_stream(result):
    frames = result.frames()
    first, second = next(frames), next(frames)
    assert first.shape == second.shape == (64, 64, 3) and first.dtype == np.uint8
    assert first.std() > 10


def test_seed_and_voice_move_the_head_but_not_the_landmarks(result):
    avatar, three = result.avatar.renderer(64, threads=1), Landmarks.of(result.mixed.points[100:103])

    def picture(seed: int, loudness: np.ndarray | None) -> np.ndarray:
        return list(avatar.frames(three, seed, loudness))[-1]

    voice = result.loudness[100:103]
    first = picture(0, voice)
    assert np.array_equal(first, picture(0, voice))
    assert not np.array_equal(first, picture(1, voice)) and not np.array_equal(first, picture(0, None))


def test_without_named_emotions_the_file_has_none_and_the_curves_are_fewer(result, tmp_path):
    unnamed = replace(result, heard=None, shown=None)
    unnamed.save_landmarks(tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as file:
        assert "mixed" in file and not [name for name in file if name.startswith("emotion_")]
    for each, name in ((result, "all.png"), (unnamed, "few.png")):
        each.save_curves(tmp_path / name)
    heights = [Image.open(tmp_path / name).height for name in ("all.png", "few.png")]
    assert heights[0] > heights[1] > 100


def test_progress_names_every_stage(pipeline):
    seen = []
    pipeline(DEMO, size=64, progress=lambda what, done, total: seen.append((what, done, total)))
    assert tuple(dict.fromkeys(what for what, _, _ in seen)) == STAGES
    assert seen[-1][1] == seen[-1][2]


@pytest.mark.parametrize("device", ["tpu", "CUDA", ""])
def test_an_unknown_device_is_one_line(device):
    with pytest.raises(EmoGeneError, match="unknown device"):
        choose_device(device)


def test_an_unknown_mixture_is_one_line(pipeline):
    with pytest.raises(EmoGeneError, match="unknown mixture 'cocktail'"):
        pipeline(DEMO, mixture="cocktail")
