import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from emogene.avatar import Avatar
from emogene.avatar.file import write_avatar
from emogene.errors import EmoGeneError
from emogene.weights.avatars import avatar_files


@pytest.fixture(scope="module")
def avatar():
    return Avatar.open("grid-s1")


@pytest.fixture(scope="module")
def speaking(avatar, performed):
    """Ten frames of the avatar's own landmarks and poses."""
    return performed(avatar.space.database[100:110], avatar.pose[:10])


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


def test_save_and_open_give_the_same_pictures(avatar, speaking, tmp_path):
    path = tmp_path / "copy.safetensors"
    avatar.save(path)
    assert [f.name for f in tmp_path.iterdir()] == [path.name]
    copy = Avatar.open(path)
    first, second = (next(a.renderer(128).frames([speaking])) for a in (avatar, copy))
    assert (first == second).all()


@pytest.mark.parametrize(("size", "field"), [(512, 256), (256, 256), (128, 128), (300, 256)])
def test_sizes(avatar, speaking, size, field):
    renderer = avatar.renderer(size, threads=2)
    assert renderer.fields.size == field
    pictures = list(renderer.frames([speaking[:2]]))
    assert [p.shape for p in pictures] == [(size, size, 3)] * 2
    assert pictures[0].dtype == np.uint8


def test_background_is_seen_around_the_person_only(avatar, speaking):
    white, red = (next(avatar.renderer(256, c).frames([speaking])).astype(int) for c in ("white", "#ff0000"))
    assert (white[4, 4] >= 253).all()
    assert np.abs(red[4, 4] - [255, 0, 0]).max() <= 2
    assert np.abs(white - red)[110:190, 100:150].mean() <= 1


def test_image_background(avatar, speaking, tmp_path):
    from PIL import Image

    Image.new("RGB", (40, 30), (10, 20, 200)).save(tmp_path / "blue.png")
    picture = next(avatar.renderer(128, tmp_path / "blue.png").frames([speaking]))
    assert np.abs(picture[2, 2].astype(int) - [10, 20, 200]).max() <= 2


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


@pytest.mark.parametrize("lost", ["pose.rotation", "head.sigma_net.net.0.weight", "landmarks.neutral"])
def test_incomplete_avatars_are_refused(avatar, tmp_path, lost):
    path = tmp_path / "half.safetensors"
    avatar.save(path)
    with safe_open(path, "pt") as file:
        whole = {name: file.get_tensor(name) for name in file.keys() if name != lost}  # noqa: SIM118
        save_file(whole, path, file.metadata())
    with pytest.raises(EmoGeneError, match="damaged"):
        Avatar.open(path)


def test_an_unknown_kind_is_refused(avatar, tmp_path):
    write_avatar(tmp_path / "x.safetensors", "statue", {}, {"x": torch.zeros(1)})
    with pytest.raises(EmoGeneError, match="statue"):
        Avatar.open(tmp_path / "x.safetensors")


def test_our_own_avatars_need_nothing_of_the_reference(tmp_path):
    """Nor numba, before the first picture."""
    look = (
        "import sys; from emogene.avatar import Avatar; Avatar.open('default').renderer(64);"
        "print([name for name in sys.modules if name == 'numba' or name.startswith('emogene.reference')])"
    )
    assert subprocess.check_output([sys.executable, "-c", look], text=True) == "[]\n"


def test_unknown_names_are_refused():
    with pytest.raises(EmoGeneError, match="grid-s1"):
        Avatar.open("nobody")


def test_unwritable_path(avatar, tmp_path):
    with pytest.raises(EmoGeneError):
        avatar.save(tmp_path / "no" / "such" / "folder.safetensors")


def test_tiny_pictures_are_refused(avatar):
    with pytest.raises(EmoGeneError):
        avatar.renderer(16)
