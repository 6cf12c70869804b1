"""Training splats on a tiny synthetic person: a face-coloured ball with dark hair over a box that sways."""

import numpy as np
import pytest

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.condition import ConditionBasis
from emogene.avatar.train.head import HeadSamples, HeadTraining, labelled, train_head
from emogene.avatar.train.initial import HeadLayout, initial_head, pull_of_landmarks
from emogene.avatar.train.torso import TorsoTraining, below_head, register, torso_picture, train_torso
from emogene.avatar.train.trainer import SplatTrainer, SplatTraining
from emogene.face.camera import Camera
from emogene.face.mean import mean_face
from emogene.face.pose import HeadPose
from emogene.motion2video.splats.gaussians import Group
from emogene.motion2video.splats.rasteriser import Rasteriser
from emogene.motion2video.splats.view import View

SIZE, FRAMES = 64, 12
ROWS = np.arange(FRAMES)
LAYOUT = HeadLayout(surface=500, interior=40, backing=30)
SWAY = np.array([(3 * np.sin(f / 2), 1.2 * np.sin(f / 3)) for f in range(FRAMES)])


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    camera = Camera.of_image(SIZE, SIZE)
    points = np.repeat(mean_face()[None], FRAMES, 0) + random.normal(0, 0.005, (FRAMES, 68, 3))
    opening = np.linspace(0, 0.15, FRAMES)[:, None]
    points[:, 55:60, 1] -= opening
    points[:, 65:68, 1] -= opening
    rotation = np.repeat(np.eye(3, dtype=np.float32)[None], FRAMES, 0)
    translation = np.array([0, 0.2, -17], np.float32) + random.normal(0, 0.05, (FRAMES, 3)).astype(np.float32)
    pixels = camera.project(HeadPose(rotation, translation).to_camera(points))
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    ball = np.stack([np.hypot(x - p[30, 0], (y - p[30, 1]) * 0.8) < 15 for p in pixels])
    hair = np.stack([ball[i] & (y < pixels[i, 19, 1] - 3) for i in range(FRAMES)])
    box = np.stack([(y > 50 + dy) & (np.abs(x - 32 - dx) < 22) for dx, dy in SWAY])
    stripes = np.stack([100 + 60 * np.sin((x - dx) / 2.2) * np.cos((y - dy) / 4) for dx, dy in SWAY])
    colour = np.where(ball[..., None], [200, 120, 90], stripes[..., None] * [0.5, 0.7, 1.0])
    colour = np.where(hair[..., None], [40, 30, 25], colour).astype(np.uint8)
    alpha = (255 * (ball | box)).astype(np.uint8)
    return TrainingSet(
        colour=colour,
        alpha=alpha,
        head=(255 * ball).astype(np.uint8),
        clip=np.arange(FRAMES) // 4,
        frame=np.arange(FRAMES) % 4,
        points=points.astype(np.float32),
        gaze=random.normal(0, 0.02, (FRAMES, 2)).astype(np.float32),
        rotation=rotation,
        translation=translation,
        pixels=np.concatenate([pixels, np.zeros((FRAMES, 68, 1))], -1).astype(np.float32),
        fine_colour=colour.repeat(2, 1).repeat(2, 2),
        fine_alpha=alpha.repeat(2, 1).repeat(2, 2),
        fine_index=np.arange(FRAMES),
        focal=np.array(camera.focal),
        stride=np.array(1),
    )


@pytest.fixture(scope="module")
def basis(data):
    return ConditionBasis.fit(data.points, data.gaze, components=4)


def shown_error(splats, samples, row):
    """Mean absolute difference of colour and transmittance from the sample, 0..1."""
    sample = samples[row]
    out = Rasteriser(samples.size, samples.size).layers((splats.at(sample.condition), sample.view))
    share = sample.share.astype(float) / 255
    wanted = np.concatenate([sample.colour.transpose(2, 0, 1) / 255 * share, 1 - share[None]])
    return np.abs(out - wanted).mean()


def test_splats_begin_on_the_landmarks_and_ride_on_them(data, basis):
    splats = initial_head(data, ROWS, basis, LAYOUT)
    moved = splats.at(basis.encode(data.points[-1:], data.gaze[-1:])[0])[:3] - splats.base[:3]
    pull = pull_of_landmarks(splats.base[:3].T.astype(float), basis.mean.astype(float), 0.22, 0.15)
    shown = np.tensordot(basis.encode(data.points[-1:])[0, :4], basis.basis, 1)
    np.testing.assert_allclose(moved.T, pull @ shown, atol=2e-3)
    lower = splats.groups == Group.LOWER_LIP
    assert moved[1, lower].mean() < moved[1, splats.groups == Group.UPPER_LIP].mean() - 0.01


def test_groups_are_where_they_should_be(data, basis):
    splats = initial_head(data, ROWS, basis, LAYOUT)
    face, (_, y, z) = basis.mean, splats.base[:3]
    present = {Group(g) for g in np.unique(splats.groups)}
    assert present >= {
        Group.SKIN,
        Group.UPPER_LIP,
        Group.LOWER_LIP,
        Group.INTERIOR,
        Group.HAIR,
        Group.BACKING,
    }
    assert y[splats.groups == Group.HAIR].min() > face[36:48, 1].mean() - 0.3
    assert z[splats.groups == Group.INTERIOR].mean() < face[60:68, 2].mean()
    skin = splats.base[10:13, splats.groups == Group.SKIN].mean(1)
    hair = splats.base[10:13, splats.groups == Group.HAIR].mean(1)
    assert skin.mean() > hair.mean() + 0.2


def test_the_head_is_learnt(data, basis):
    config = HeadTraining(LAYOUT, SplatTraining(steps=150, relocate=40), SplatTraining(steps=10, relocate=0))
    samples = HeadSamples(data, ROWS, basis, 0.1)
    before = shown_error(initial_head(data, ROWS, basis, LAYOUT), samples, 5)
    after = shown_error(train_head(data, ROWS, basis, config), samples, 5)
    assert after < 0.5 * before and after < 0.03


def test_training_repeats_whatever_the_threads(data, basis):
    config = HeadTraining(LAYOUT, SplatTraining(steps=6, relocate=4), SplatTraining(steps=2, relocate=0))
    one, two = (train_head(data, ROWS, basis, config, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.base, two.base)
    np.testing.assert_array_equal(one.motion, two.motion)


def test_training_goes_on_where_it_was(data, basis, tmp_path):
    splats = initial_head(data, ROWS, basis, LAYOUT)
    config = SplatTraining(steps=8, relocate=5)

    def trainer():
        return SplatTrainer(splats, HeadSamples(data, ROWS, basis, 0.1), config)

    whole, begun = trainer(), trainer()
    for _ in range(3):
        begun.step()
    begun.save(tmp_path / "state.npz")
    rest = trainer()
    rest.run(checkpoint=tmp_path / "state.npz")
    np.testing.assert_array_equal(rest.splats.base, whole.run().base)


def test_unseen_splats_are_moved_to_where_they_are_missed(data, basis):
    splats = initial_head(data, ROWS, basis, LAYOUT)
    splats.base[0, :40] = 5.0  # beside the picture
    trainer = SplatTrainer(splats, HeadSamples(data, ROWS, basis, 0.1), SplatTraining(steps=20, relocate=10))
    for _ in range(10):
        trainer.step()
    assert (trainer.splats.base[0, :40] < 2).all()
    assert not trainer.first[..., :40].any()  # they do not go on as they went before
    assert (trainer.second[..., :40] > 0).any()


def test_what_is_hidden_stays(data, basis):
    splats = initial_head(data, ROWS, basis, LAYOUT)
    hidden = splats.groups == Group.BACKING
    splats.base[9, ~hidden] = -0.5  # much of it shines through
    trainer = SplatTrainer(splats, HeadSamples(data, ROWS, basis, 0.1), SplatTraining(steps=4), hidden)
    trainer.run()
    np.testing.assert_array_equal(trainer.splats.base[:, hidden], splats.base[:, hidden])
    assert (trainer.splats.base[:, ~hidden] != splats.base[:, ~hidden]).any()


def test_the_mouths_sides_are_told_apart_when_it_opens(data, basis):
    splats = labelled(initial_head(data, ROWS, basis, LAYOUT), data, ROWS, basis)
    moved = splats.at(basis.encode(data.points[-1:], data.gaze[-1:])[0])
    lips = data.points[-1]
    upper, lower = (moved[1, splats.groups == g].mean() for g in (Group.UPPER_LIP, Group.LOWER_LIP))
    assert lower < lips[[62, 66], 1].mean() < upper


def test_the_torso_is_registered(data):
    template = torso_picture(data.colour[0], data.alpha[0])
    moves, _ = register(data, ROWS, template, below_head(data.head[0]), step=1)
    error = moves[:, :2] - (SWAY - SWAY[0])
    assert (error.std(0) < 0.35 * SWAY.std(0)).all(), error


def test_the_torso_is_learnt_sharp_although_it_sways(data):
    stage = SplatTraining(steps=60, relocate=25)
    config = TorsoTraining(splats=400, clips=3, coarse=stage, fine=SplatTraining(steps=5, relocate=0))
    splats, motion = train_torso(data, ROWS, config)
    assert motion.condition(data.rotation, data.translation).shape == (FRAMES, 10)
    assert (splats.groups == Group.TORSO).all()
    out = Rasteriser(SIZE, SIZE).layers((splats.at(np.zeros(10)), View.fixed(data.camera)))
    drawn, real = out[1, 55:60, 14:50], data.colour[:, 55:60, 14:50, 1] / 255
    assert drawn.std() > 0.75 * real[0].std() > 1.3 * real.mean(0).std()  # the mean of all is a blur
