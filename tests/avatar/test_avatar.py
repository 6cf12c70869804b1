from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from emogene.avatar import Avatar
from emogene.errors import EmoGeneError
from emogene.face.landmarks import Landmarks
from emogene.weights.avatars import avatar_files


@pytest.fixture(scope="module")
def avatar():
    return Avatar.open("grid-s1")


@pytest.fixture(scope="module")
def motion(avatar):
    """Ten frames of the avatar's own landmarks."""
    return Landmarks.of(np.ascontiguousarray(avatar.space.database[100:110]))


def test_the_embedded_avatar_is_listed():
    assert "grid-s1" in avatar_files()


def test_it_says_whose_face_it_is(avatar):
    assert avatar.provenance.licence == "CC BY 4.0"
    assert "Cooke" in avatar.provenance.attribution
    assert avatar.provenance.consent


def test_landmarks_are_in_canonical_space(avatar):
    space = avatar.space
    assert space.neutral.shape == (68, 3)
    assert 300 <= len(space.database) <= 2500
    assert np.linalg.norm(space.neutral[45] - space.neutral[36]) == pytest.approx(0.9, abs=0.06)


def test_save_and_open_give_the_same_pictures(avatar, motion, tmp_path):
    path = tmp_path / "copy.safetensors"
    avatar.save(path)
    assert [f.name for f in tmp_path.iterdir()] == [path.name]
    copy = Avatar.open(path)
    one = Landmarks.of(motion.points[:1])
    first, second = (next(iter(a.renderer(128).frames(one))) for a in (avatar, copy))
    assert (first == second).all()


@pytest.mark.parametrize(("size", "field"), [(512, 256), (256, 256), (128, 128), (300, 256)])
def test_sizes(avatar, motion, size, field):
    renderer = avatar.renderer(size, threads=2)
    assert renderer.inner.size == field
    pictures = list(renderer.frames(Landmarks.of(motion.points[:2])))
    assert [p.shape for p in pictures] == [(size, size, 3)] * 2
    assert pictures[0].dtype == np.uint8


def test_background_is_seen_around_the_person_only(avatar, motion):
    one = Landmarks.of(motion.points[:1])
    white, red = (next(iter(avatar.renderer(256, c).frames(one))).astype(int) for c in ("white", "#ff0000"))
    assert (white[4, 4] >= 253).all()
    assert np.abs(red[4, 4] - [255, 0, 0]).max() <= 2
    assert np.abs(white - red)[110:190, 100:150].mean() <= 1


def test_image_background(avatar, motion, tmp_path):
    from PIL import Image

    Image.new("RGB", (40, 30), (10, 20, 200)).save(tmp_path / "blue.png")
    one = Landmarks.of(motion.points[:1])
    picture = next(iter(avatar.renderer(128, tmp_path / "blue.png").frames(one)))
    assert np.abs(picture[2, 2].astype(int) - [10, 20, 200]).max() <= 2


def test_pictures_do_not_depend_on_threads(avatar, motion):
    one, two = (list(avatar.renderer(128, threads=n).frames(motion, seed=1)) for n in (1, 2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


def test_a_wanted_smile_moves_the_corners_of_the_mouth(avatar):
    rest = avatar.space.neutral
    smile = rest.copy()
    smile[[48, 60], 1] += 0.08
    smile[[54, 64], 1] += 0.08
    pose = avatar.pose[np.zeros(2, int)]
    plain, smiling = avatar.renderer(256).posed(np.stack([rest, smile]), pose)
    changed = np.abs(plain.astype(int) - smiling).sum(-1)
    pixels = avatar.camera.project(pose.to_camera(rest))[0]
    column, row = pixels[[48, 54]].astype(int).T
    assert changed[row, column].min() > 6
    assert changed[:40].mean() < 1


@pytest.mark.parametrize("content", [b"", b"not an avatar", b"\x08\0\0\0\0\0\0\0{}      "])
def test_other_files_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(EmoGeneError) as error:
        Avatar.open(path)
    assert "\n" not in str(error.value)


def test_other_safetensors_are_refused(tmp_path):
    save_file({"x": torch.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(EmoGeneError, match="not an avatar"):
        Avatar.open(tmp_path / "x.safetensors")


def test_incomplete_avatars_are_refused(avatar, tmp_path, monkeypatch):
    import emogene.avatar.avatar as module

    whole = module._tensors
    monkeypatch.setattr(module, "_tensors", lambda a: {k: v for k, v in whole(a).items() if "pose" not in k})
    avatar.save(tmp_path / "half.safetensors")
    with pytest.raises(EmoGeneError, match="damaged"):
        Avatar.open(tmp_path / "half.safetensors")


def test_unknown_names_are_refused():
    with pytest.raises(EmoGeneError, match="grid-s1"):
        Avatar.open("nobody")


def test_unwritable_path(avatar, tmp_path):
    with pytest.raises(EmoGeneError):
        avatar.save(tmp_path / "no" / "such" / "folder.safetensors")


def test_tiny_pictures_are_refused(avatar):
    with pytest.raises(EmoGeneError):
        avatar.renderer(16)


def test_the_pose_track_loops(avatar):
    pose = avatar.pose.loop(4 * len(avatar.pose))
    assert np.abs(np.diff(pose.translation, axis=0)).max() < 0.05
    assert replace(avatar, pose=pose).pose is pose
