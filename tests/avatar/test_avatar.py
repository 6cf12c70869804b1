import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import save_file

from emogene.avatar.avatar import Avatar
from emogene.avatar.splat_file import read_splats, splat_tensors
from emogene.errors import EmoGeneError
from emogene.motion2video.splats import Gaussians, Group
from emogene.weights.embedded import assets

EMBEDDED = assets() / "avatars" / "grid-s1.safetensors"


@pytest.fixture(scope="module")
def avatar():
    return Avatar.open(EMBEDDED)


@pytest.fixture
def splats():
    random = np.random.default_rng(0)
    base = random.uniform(-2, 2, (13, 400)).astype(np.float32)
    base[2] -= 16  # as in the camera frame
    base[2] -= 16  # as in the camera frame
    motion = random.normal(0, 0.01, (7, 5, 400)).astype(np.float32)
    return Gaussians(base, motion, random.integers(0, 9, 400).astype(np.uint8))


def test_splats_survive_their_eight_bits(splats):
    again = read_splats("head", splat_tensors("head", splats))
    assert np.abs(again.base[:3] - splats.base[:3]).max() <= 0.55e-4
    np.testing.assert_allclose(again.base[3:], splats.base[3:], rtol=1e-3, atol=1e-5)
    twice = read_splats("head", splat_tensors("head", again))
    np.testing.assert_allclose(twice.motion, again.motion, rtol=1e-5, atol=1e-9)
    error = again.motion - splats.motion
    assert np.abs(error).mean() < 0.004 * np.abs(splats.motion).max()
    np.testing.assert_array_equal(again.groups, splats.groups)


def test_an_avatar_is_read_as_it_was_written(avatar, tmp_path):
    avatar.save(tmp_path / "copy.safetensors")
    copy = Avatar.open(tmp_path / "copy.safetensors")
    assert isinstance(copy, Avatar)
    assert (copy.provenance, copy.camera) == (avatar.provenance, avatar.camera)
    assert copy.training == avatar.training
    np.testing.assert_array_equal(copy.space.database, avatar.space.database)
    np.testing.assert_array_equal(copy.binding.vertex, avatar.binding.vertex)
    moments = avatar.moments(avatar.space.neutral[None], avatar.pose[:1])
    background = np.full((128, 128, 3), 90, np.uint8)
    first, second = (a.portrait(128, background).picture(moments[0]).astype(int) for a in (avatar, copy))
    assert np.abs(first - second).max() <= 3


def test_the_embedded_avatar_is_a_person_before_a_background(avatar):
    assert EMBEDDED.stat().st_size <= 5_000_000
    assert avatar.provenance.licence == "CC BY 4.0" and avatar.training["held_out"]
    assert {Group(g) for g in np.unique(avatar.head.groups)} >= set(Group) - {Group.TORSO}
    background = np.full((256, 256, 3), [0, 255, 0], np.uint8)
    moment = avatar.moments(avatar.space.neutral[None], avatar.pose[:1])[0]
    picture = avatar.portrait(256, background).picture(moment).astype(int)
    assert (picture[5, 5] == [0, 255, 0]).all()
    nose, chest = picture[140, 128], picture[250, 128]
    assert nose[0] > nose[2] + 30 and chest[1] < 250


def test_it_opens_its_mouth_and_shuts_its_eyes(avatar):
    """The face differs where the landmarks do, and only there."""
    database = avatar.space.database.astype(np.float32)
    gap = np.linalg.norm(database[:, 62] - database[:, 66], axis=-1)
    points = database[[gap.argmin(), gap.argmax()]]
    pose = avatar.pose[np.zeros(2, int)]
    closed, opened = (
        avatar.portrait(256, np.zeros((256, 256, 3), np.uint8)).picture(m).astype(int)
        for m in avatar.moments(points, pose)
    )
    lips = avatar.camera.project(pose.to_camera(points))[1, 60:68].mean(0).astype(int)
    change = np.abs(opened - closed).mean(-1)
    assert change[lips[1] - 5 : lips[1] + 5, lips[0] - 8 : lips[0] + 8].mean() > 15
    assert change[:60].mean() < 3


@pytest.mark.parametrize("header", ["{}", '{"format": 1}', '{"format": 2, "kind": "splats"}'])
def test_other_files_are_one_line(avatar, tmp_path, header):
    path = tmp_path / "other.safetensors"
    save_file({"x": next(iter(avatar._tensors().values()))}, path, {"emogene": header})
    with pytest.raises(EmoGeneError) as caught:
        Avatar.open(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_safetensors_file_is_one_line(tmp_path):
    (tmp_path / "a.safetensors").write_text(json.dumps({}))
    for path in (tmp_path / "a.safetensors", tmp_path / "none.safetensors"):
        with pytest.raises(EmoGeneError, match="avatar"):
            Avatar.open(path)


def test_training_notes_are_kept(avatar, tmp_path):
    replace(avatar, training={"clips": ["a"]}).save(tmp_path / "x.safetensors")
    assert Avatar.open(tmp_path / "x.safetensors").training == {"clips": ["a"]}
