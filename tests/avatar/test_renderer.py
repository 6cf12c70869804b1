from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from emogene.avatar import Avatar
from emogene.errors import EmoGeneError
from emogene.face.landmarks import EYES, MOUTH
from emogene.motion2video.warp import Warp
from emogene.performance.blink import close_eyes


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    found = Avatar.open("grid-s1")
    assert isinstance(found, Avatar)
    return found


@pytest.fixture(scope="module")
def speaking(avatar, performed):
    """Ten frames of the avatar's own landmarks and poses."""
    return performed(avatar.space.database[100:110], avatar.pose[:10])


@pytest.fixture(scope="module")
def moved(avatar, performed):
    """Two frames with an emotion's worth of displacement beyond what the field has seen: they are warped."""
    points = avatar.space.database[[10, 300]].astype(np.float32)
    beyond = 0.03 * np.random.default_rng(0).standard_normal((68, 3)).astype(np.float32)
    return performed(points + beyond, avatar.pose[np.array([0, 40])])


def region(avatar: Avatar, part: slice, grow: int = 4) -> tuple[slice, slice]:
    """Rows and columns of a part of the resting face in the first pose, at the size of the fields."""
    pixels = avatar.camera.project(avatar.pose[:1].to_camera(avatar.space.neutral[part]))[0]
    (left, top), (right, bottom) = pixels.min(0).astype(int) - grow, pixels.max(0).astype(int) + grow
    return slice(top, bottom), slice(left, right)


def test_a_wanted_smile_moves_the_corners_of_the_mouth(avatar):
    smile = avatar.space.neutral.copy()
    smile[[48, 60, 54, 64], 1] += 0.08
    pose = avatar.pose[np.zeros(2, int)]
    plain, smiling = avatar.renderer(256).posed(np.stack([avatar.space.neutral, smile]), pose)
    changed = np.abs(plain.astype(int) - smiling).sum(-1)
    pixels = avatar.camera.project(pose.to_camera(avatar.space.neutral))[0]
    column, row = pixels[[48, 54]].astype(int).T
    assert changed[row, column].min() > 6
    assert changed[:40].mean() < 1


def test_the_warp_is_asked_for_more_where_it_shows_less(avatar, moved):
    """By ``warp_gain``: without any it does nothing, and with twice the gain it moves further."""

    def warp(gain: np.ndarray) -> Warp:
        state = next(replace(avatar, warp_gain=gain).renderer(64).states([moved]))
        assert state.warp is not None
        return state.warp

    usual = np.ones((68, 1), np.float32)
    once, without_mouth = warp(usual), usual.copy()
    without_mouth[MOUTH] = 0
    assert warp(0 * usual).reach == 0
    assert 1.5 * once.reach < warp(2 * usual).reach < 2.5 * once.reach
    assert (warp(without_mouth).lattice - once.lattice).abs().max() > 0.1 * once.reach


def test_closed_eyes_are_shown_closed(avatar, performed):
    """Where the dark iris was is the light lid; elsewhere less changes."""
    open_eyes = np.repeat(avatar.space.neutral[None], 2, 0)
    shut = close_eyes(open_eyes, np.array([0.0, 1.0]))
    seen, unseen = avatar.renderer(256).frames([performed(shut, avatar.pose[np.zeros(2, int)])])
    for lids in ([37, 38, 40, 41], [43, 44, 46, 47]):
        pixels = avatar.camera.project(avatar.pose[:1].to_camera(avatar.space.neutral[lids]))[0]
        column, row = pixels.mean(0).astype(int)
        iris = slice(row - 4, row - 1), slice(column - 1, column + 2)
        assert unseen[iris].mean() > seen[iris].mean() + 40
    changed = np.abs(seen.astype(int) - unseen).sum(-1)
    assert changed[region(avatar, EYES)].mean() > 2 * changed[region(avatar, MOUTH)].mean()


def test_the_eyes_look_where_they_are_told(avatar, performed):
    """A gaze of 0 is the mean of training; what is seen of another is at the eyes."""
    angles = np.array([[0.0, 0], [0.04, 0], [0, -0.04]])
    points = np.repeat(avatar.space.neutral[None], 3, 0)
    looking = performed(points, avatar.pose[np.zeros(3, int)], gaze=angles)
    renderer = avatar.renderer(256)
    fed = np.concatenate([state.condition.numpy() for state in renderer.states([looking])])
    wanted = (avatar.basis.gaze_at(angles) - avatar.basis.gaze[0]) / avatar.basis.gaze[1]
    np.testing.assert_allclose(fed[:, -2:], wanted, atol=1e-5)
    assert (fed[0, -2:] == 0).all() and fed[1, -2] > 0.5 and fed[2, -1] < -0.5
    ahead, aside, below = renderer.frames([looking])
    for other in (aside, below):
        changed = np.abs(ahead.astype(int) - other).sum(-1)
        assert changed[region(avatar, EYES)].max() > 1.5 * changed[region(avatar, MOUTH)].max() > 0


def test_the_head_is_where_the_performance_has_it(avatar, performed):
    moved = avatar.pose[np.zeros(2, int)]
    moved.translation[1, 0] += 0.2
    points = np.repeat(avatar.space.neutral[None], 2, 0)
    here, there = avatar.renderer(256, "white").frames([performed(points, moved)])
    shift = round(0.2 * avatar.camera.focal / -float(moved.translation[0, 2]))
    nose = region(avatar, slice(27, 36))
    aside = nose[0], slice(nose[1].start + shift, nose[1].stop + shift)
    assert np.abs(here[nose].astype(int) - there[aside]).mean() < 8
    assert np.abs(here[nose].astype(int) - there[nose]).mean() > 15


def test_stretches_are_shown_as_the_whole_is(avatar, speaking):
    whole = list(avatar.renderer(64, threads=1).frames([speaking]))
    stretches = (speaking[first:last] for first, last in ((0, 1), (1, 1), (1, 6), (6, 10)))
    for one, other in zip(whole, avatar.renderer(64, threads=1).frames(stretches), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_pictures_do_not_depend_on_threads_nor_on_another_renderer_beside(avatar, speaking):
    def pictures(threads: int) -> list[np.ndarray]:
        return list(avatar.renderer(96, threads=threads).frames([speaking]))

    alone = pictures(1)
    with ThreadPoolExecutor(2) as pool:
        for beside in pool.map(pictures, (1, 2)):
            np.testing.assert_array_equal(beside, alone)


def test_plain_pytorch_gives_the_kernels_pictures(avatar, moved):
    kernels, plain = (
        avatar.renderer(96, threads=1, precision="fp32", backend=backend).fields
        for backend in ("numba", "reference")
    )
    for state in avatar.renderer(96).states([moved]):
        ours, theirs = kernels.layers(state), plain.layers(state)
        for one, other in zip(ours[:4], theirs[:4], strict=True):
            assert (one - other).abs().max() < 1e-4
        pictures = (fields.frame(state).astype(int) for fields in (kernels, plain))
        assert np.abs(np.subtract(*pictures)).max() <= 1


def test_everything_is_on_the_device(avatar, moved, pretended_cuda):
    there = avatar.renderer(64, "white", device="cuda").fields
    assert there.device.type == there.caster.box.device.type == "cuda" and there.dtype == torch.float32
    assert avatar.portrait.head.aabb_infer.device.type == "cpu", "the avatar itself stays where it is"
    here = avatar.renderer(64, "white", device="cpu", threads=1, precision="fp32")
    for state in here.states([moved]):
        assert np.abs(here.fields.frame(state).astype(int) - there.frame(state)).max() <= 1


def test_where_to_render_is_checked(avatar):
    with pytest.raises(EmoGeneError, match="unknown device"):
        avatar.renderer(64, device="tpu")
    with pytest.raises(EmoGeneError, match="threads"):
        avatar.renderer(64, threads=0)
