"""The measurements on pictures that the avatar itself rendered."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emogene.avatar import Avatar
from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.capture.layers import head_layer
from emogene.avatar.file import open_avatar
from emogene.errors import EmoGeneError
from emogene.evaluate.render import emotion, evaluate, flicker, psnr, rendered

FRAMES, SIZE = 5, 256
MODEL = Path(__file__).parents[3] / "shared" / "data" / "models" / "face_landmarker.task"


@pytest.fixture(scope="module")
def avatar():
    avatar = Avatar.open("grid-s1")
    assert isinstance(avatar, Avatar)
    return avatar


@pytest.fixture(scope="module")
def data(avatar):
    points = np.ascontiguousarray(avatar.space.database[:FRAMES])
    pose = avatar.pose[np.arange(FRAMES)]
    pixels = avatar.camera.project(pose.to_camera(points))
    empty = np.zeros((FRAMES, SIZE, SIZE), np.uint8)
    blank = TrainingSet(
        colour=np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8),
        alpha=empty + 255,
        head=np.stack([(255 * head_layer(p, SIZE)).astype(np.uint8) for p in pixels]),
        clip=np.zeros(FRAMES, int),
        frame=np.arange(FRAMES),
        points=points,
        gaze=np.repeat(avatar.basis.gaze[:1], FRAMES, 0),
        rotation=pose.rotation,
        translation=pose.translation,
        pixels=pixels.astype(np.float32),
        fine_colour=np.zeros((0, 2 * SIZE, 2 * SIZE, 3), np.uint8),
        fine_alpha=np.zeros((0, 2 * SIZE, 2 * SIZE), np.uint8),
        fine_index=np.zeros(0, int),
        focal=np.array(avatar.camera.focal),
        stride=np.array(1),
    )
    return replace(blank, colour=np.stack(list(rendered(avatar, blank, range(FRAMES)))))


def test_noise_of_known_size_gives_its_psnr(avatar, data):
    noise = np.random.default_rng(0).choice([-8, 8], data.colour.shape)
    noisy = replace(data, colour=np.clip(data.colour + noise, 0, 255).astype(np.uint8))
    figures = psnr(avatar, noisy)
    assert set(figures) == {"face", "mouth", "eyes", "head"}
    assert figures["face"] == pytest.approx(20 * np.log10(255 / 8), abs=0.2)


def test_flicker_is_that_of_the_video_where_the_pictures_are_the_same(avatar, data):
    figures = flicker(avatar, data)
    assert figures["rendered"] == pytest.approx(figures["video"], abs=0.01)
    assert figures["worst"] >= figures["rendered"]


@pytest.mark.skipif(not MODEL.is_file(), reason="needs ../shared/data/models/face_landmarker.task")
def test_an_avatar_given_as_a_file_is_the_one_that_is_measured(avatar, tmp_path, monkeypatch):
    """Its name belongs to no avatar that could be found."""
    path = tmp_path / "stranger.safetensors"
    replace(avatar, provenance=replace(avatar.provenance, name="stranger")).save(path)
    monkeypatch.setattr("emogene.evaluate.render.EMOTIONS", ("happy",))
    figures = emotion(open_avatar(path), MODEL, every=60)
    assert set(figures) == {"happy"} and all(np.isfinite(list(figures["happy"].values())))


def test_a_folder_without_the_clips_is_refused(tmp_path):
    with pytest.raises(EmoGeneError, match=r"lacks grid_s1/video/.*docs/evaluate\.md"):
        evaluate(tmp_path)
