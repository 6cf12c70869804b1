"""The figures, on frames the embedded avatar drew itself: faults of known size give known figures."""

from dataclasses import replace

import numpy as np
import pytest

from emogene.avatar.avatar import Avatar
from emogene.avatar.capture.dataset import TrainingSet
from emogene.errors import EmoGeneError
from emogene.evaluate.render import evaluate, flicker, gradient_energy, psnr, psnr_torso, psnr_whole
from emogene.face.camera import Camera
from emogene.motion2video.splats import Gaussians, View
from emogene.motion2video.splats.layout import COLOUR, U, V
from emogene.motion2video.splats.rasteriser import Rasteriser
from emogene.weights.embedded import assets

FRAMES = 4
ROWS = np.arange(FRAMES)


@pytest.fixture(scope="module")
def avatar():
    return Avatar.open(assets() / "avatars" / "grid-s1.safetensors")


def drawn(avatar, points, pose, size, torso):
    """Colour and alpha, uint8, of the head alone or the whole person."""
    camera = Camera(avatar.camera.focal * size / avatar.camera.height, size, size)
    rasteriser, frames = Rasteriser(size, size), []
    for moment in avatar.moments(points, pose):
        layers = [(avatar.head.at(moment.head), View(camera, moment.rotation, moment.translation))]
        if torso:
            layers.append((avatar.torso.at(moment.torso), View.fixed(camera)))
        out = rasteriser.layers(*layers)
        colour = out[:3] / np.maximum(1 - out[3], 1e-3)
        frames.append(np.moveaxis(np.concatenate([colour, 1 - out[3:]]), 0, -1))
    values = (np.stack(frames).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return values[..., :3], values[..., 3]


def training_set(avatar, torso):
    points = avatar.space.database[np.linspace(0, len(avatar.space.database) - 1, FRAMES).astype(int)]
    pose = avatar.pose[:FRAMES]
    (colour, alpha), (fine_colour, fine_alpha) = (
        drawn(avatar, points, pose, size, torso) for size in (256, 512)
    )
    _, head = drawn(avatar, points, pose, 256, False)
    pixels = avatar.camera.project(pose.to_camera(points))
    return TrainingSet(
        colour=colour,
        alpha=alpha,
        head=head if torso else np.full_like(alpha, 255),
        clip=np.zeros(FRAMES, int),
        frame=ROWS,
        points=points,
        gaze=np.repeat(avatar.basis.gaze[:1], FRAMES, 0),
        rotation=pose.rotation,
        translation=pose.translation,
        pixels=np.concatenate([pixels, np.zeros((FRAMES, 68, 1))], -1).astype(np.float32),
        fine_colour=fine_colour,
        fine_alpha=fine_alpha,
        fine_index=ROWS,
        focal=np.array(avatar.camera.focal),
        stride=np.array(2),
    )


@pytest.fixture(scope="module")
def alone(avatar):
    return training_set(avatar, torso=False)


@pytest.fixture(scope="module")
def person(avatar):
    return training_set(avatar, torso=True)


def with_head(avatar, change):
    base = avatar.head.base.copy()
    change(base)
    return replace(avatar, head=Gaussians(base, avatar.head.motion, avatar.head.groups))


def test_its_own_frames_are_nearly_exact(avatar, alone):
    for fine in (False, True):
        assert min(psnr(avatar, alone, ROWS, fine).values()) > 45
    assert gradient_energy(avatar, alone, ROWS) == pytest.approx(
        dict.fromkeys(("face", "mouth", "eyes", "head"), 1), abs=0.02
    )
    figures = flicker(avatar, alone, ROWS)
    assert (
        figures["drawn"] == pytest.approx(figures["video"], rel=0.1)
        and figures["worst"] >= figures["drawn"] > 0.05
    )


def test_a_tenth_brighter_is_twenty_decibels(avatar, alone):
    def brighten(base):
        base[COLOUR] += 0.1

    assert psnr(with_head(avatar, brighten), alone, ROWS)["face"] == pytest.approx(20, abs=0.3)


def test_blur_costs_gradient_energy(avatar, alone):
    def blur(base):
        base[U] *= 1.6
        base[V] *= 1.6

    assert gradient_energy(with_head(avatar, blur), alone, ROWS)["face"] < 0.8


def test_the_torso_counts(avatar, person):
    figures = psnr_whole(avatar, person, ROWS)
    assert min(figures.values()) > 40
    grey = avatar.torso.base.copy()
    grey[COLOUR] = 0.5
    worse = replace(avatar, torso=Gaussians(grey, avatar.torso.motion, avatar.torso.groups))
    assert psnr_whole(worse, person, ROWS)["torso"] < figures["torso"] - 10
    assert psnr_whole(worse, person, ROWS)["face"] == pytest.approx(figures["face"], abs=2)


def test_the_torso_in_place_does_not_mind_how_the_person_sat(avatar, person):
    aside = replace(
        avatar, torso_motion=replace(avatar.torso_motion, follow=avatar.torso_motion.follow + 1.0)
    )
    assert psnr_whole(aside, person, ROWS)["torso"] < 30 < psnr_torso(aside, person, ROWS)


def test_a_folder_without_the_clips_is_refused(tmp_path):
    with pytest.raises(EmoGeneError, match=r"lacks grid_s1/video/.*docs/evaluate\.md"):
        evaluate(tmp_path)
