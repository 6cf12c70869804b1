"""Training on a tiny synthetic person: a ball before nothing, over a box."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emogene.avatar import Avatar, Provenance
from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.condition import ConditionBasis
from emogene.avatar.frame import FieldFrame
from emogene.avatar.train.head import HeadTrainer, HeadTraining, render_layers
from emogene.avatar.train.superres import SuperResolutionTrainer, SuperResolutionTraining
from emogene.avatar.train.torso import TorsoTrainer, TorsoTraining, continue_torso
from emogene.avatar.train.train import AvatarTraining, train_avatar
from emogene.face.camera import Camera
from emogene.face.mean import mean_face
from emogene.face.pose import HeadPose

SIZE, FRAMES = 64, 6


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    camera = Camera.of_image(SIZE, SIZE)
    points = (mean_face() + random.normal(0, 0.01, (FRAMES, 68, 3))).astype(np.float32)
    rotation = np.repeat(np.eye(3, dtype=np.float32)[None], FRAMES, 0)
    translation = np.array([0, 0, -17], np.float32) + random.normal(0, 0.03, (FRAMES, 3)).astype(np.float32)
    pixels = camera.project(HeadPose(rotation, translation).to_camera(points))
    y, x = np.mgrid[:SIZE, :SIZE]
    ball = np.stack([np.hypot(x - p[30, 0], y - p[30, 1]) < 16 for p in pixels])
    box = np.broadcast_to((y > 46) & (np.abs(x - 32) < 20), ball.shape)
    colour = np.where(ball[..., None], [200, 120, 90], [60, 90, 140]).astype(np.uint8)
    return TrainingSet(
        colour=colour,
        alpha=(255 * (ball | box)).astype(np.uint8),
        head=(255 * ball).astype(np.uint8),
        clip=np.arange(FRAMES) // 3,
        frame=np.arange(FRAMES) % 3,
        points=points,
        gaze=random.normal(0, 0.02, (FRAMES, 2)).astype(np.float32),
        rotation=rotation,
        translation=translation,
        pixels=np.concatenate([pixels, np.zeros((FRAMES, 68, 1))], -1).astype(np.float32),
        fine_colour=colour.repeat(2, 1).repeat(2, 2),
        fine_alpha=(255 * (ball | box)).astype(np.uint8).repeat(2, 1).repeat(2, 2),
        fine_index=np.arange(FRAMES),
        focal=np.array(camera.focal),
        stride=np.array(2),
    )


@pytest.fixture(scope="module")
def basis(data):
    return ConditionBasis.fit(data.points, data.gaze, components=4)


def test_the_head_learns_a_ball(data, basis):
    frame = FieldFrame()
    config = HeadTraining(iterations=150, samples=8192, rays=(512, 512), cells=32, cull=(60, 20, 0.02))
    trainer = HeadTrainer(data, np.arange(FRAMES), frame, basis, config)
    field = trainer.run()
    layer = next(render_layers(field, data, frame, basis, [0])).astype(float)
    ball = data.head[0] > 0
    assert layer.shape == (SIZE, SIZE, 4)
    assert layer[ball, 3].mean() > layer[~ball, 3].mean() + 0.5
    assert field.occupancy.size == config.bake[1]


def test_training_repeats_with_its_seed(data, basis):
    config = HeadTraining(iterations=3, samples=2048, rays=(256, 256), cells=16)
    runs = [HeadTrainer(data, np.arange(FRAMES), FieldFrame(), basis, config) for _ in range(2)]
    assert [runs[0].step() for _ in range(3)] == [runs[1].step() for _ in range(3)]


def test_the_torso_learns_beneath_the_head(data):
    heads = np.concatenate([data.colour / 255, np.ones((FRAMES, SIZE, SIZE, 1))], -1)
    heads = (heads * (data.head[..., None] > 0)).astype(np.float16)
    pose = np.zeros((FRAMES, 6), np.float32)
    trainer = TorsoTrainer(data, np.arange(FRAMES), heads, pose, TorsoTraining(iterations=150, pixels=1024))
    first = trainer.step()
    trainer.run()
    assert trainer.step() < 0.5 * first
    assert trainer.of_clip(trainer.usual).config.individuals == 1


def test_the_torso_continues_behind_the_head(data):
    filled = continue_torso(data.colour[0], data.alpha[0], data.head[0])
    hidden = (data.head[0] > 0) & (np.mgrid[:SIZE, :SIZE][0] > 46)
    if hidden.any():
        assert filled[hidden, 3].mean() > 128
    assert (filled[:10, :, 3] == 0).all()


def test_the_seed_alone_decides_and_the_callers_random_state_is_kept(data):
    layers = np.concatenate([data.colour / 255, data.alpha[..., None] / 255], -1).astype(np.float16)
    state = torch.get_rng_state()

    def first_weights(seed: int) -> torch.Tensor:
        config = SuperResolutionTraining(iterations=1, crop=16, batch=1, seed=seed)
        trainer = SuperResolutionTrainer(layers, data.fine_colour, data.fine_alpha, config)
        return torch.cat([value.flatten() for value in trainer.net.state_dict().values()])

    assert torch.equal(first_weights(3), first_weights(3))
    assert not torch.equal(first_weights(3), first_weights(4))
    assert torch.equal(torch.get_rng_state(), state)


def test_super_resolution_learns(data):
    rendered = np.concatenate([data.colour / 255, data.alpha[..., None] / 255], -1)
    rendered[..., :3] *= rendered[..., 3:]
    config = SuperResolutionTraining(iterations=20, crop=16, batch=4)
    trainer = SuperResolutionTrainer(rendered.astype(np.float16), data.fine_colour, data.fine_alpha, config)
    losses = [trainer.step() for _ in range(60)]
    assert np.mean(losses[-15:]) < np.mean(losses[:15])
    assert trainer.run().config.size == SIZE


@pytest.mark.parametrize("stride", [1, 2])
def test_the_head_moves_at_the_speed_of_the_video(data, tmp_path, stride):
    """An avatar made of a clip with every ``stride``-th frame has all frames' poses, and opens as it was."""
    config = AvatarTraining(
        head=HeadTraining(iterations=4, samples=2048, rays=(256, 256), cells=16, bake=(0.5, 32, 0.0)),
        torso=TorsoTraining(iterations=2, pixels=256),
        superres=SuperResolutionTraining(iterations=2, crop=16, batch=2),
        components=2,
    )
    person = Provenance("ball", "it is a ball", "made here", "none", "nobody")
    clip = replace(data, stride=np.array(stride))
    grey = np.full((8, 8, 3), 128, np.uint8)
    avatar, seconds = train_avatar(clip, np.arange(3), person, grey, config)
    assert set(seconds) == {"head", "head layers", "torso", "super-resolution"}
    assert len(avatar.pose) == 2 * stride + 1
    avatar.save(tmp_path / "ball.safetensors")
    copy = Avatar.open(tmp_path / "ball.safetensors")
    shown = [next(each.renderer(128).posed(data.points[:1], avatar.pose[:1])) for each in (avatar, copy)]
    assert shown[0].shape == (128, 128, 3)
    assert np.abs(shown[0].astype(int) - shown[1]).max() <= 2, "tables are kept in half precision"
