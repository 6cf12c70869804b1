"""Avatars by name."""

import pytest

from emogene.errors import EmoGeneError
from emogene.weights.avatars import avatar_file, avatar_files, new_avatar_file
from emogene.weights.embedded import assets


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOGENE_HOME", str(tmp_path))
    (tmp_path / "avatars").mkdir()
    return tmp_path


def test_the_packages_and_the_users_own(home):
    (home / "avatars" / "me.safetensors").touch()
    (home / "avatars" / "grid-s1.safetensors").touch()
    found = avatar_files()
    assert list(found) == ["grid-s1", "me"]
    assert found["me"].parent == home / "avatars" and found["grid-s1"].parent == assets() / "avatars"
    assert avatar_file("default") == found["grid-s1"] and avatar_file("me") == found["me"]


def test_a_file_is_its_own_avatar(home):
    path = home / "someone.safetensors"
    with pytest.raises(EmoGeneError, match=r"neither a known one \(grid-s1\) nor a file"):
        avatar_file(path)
    path.touch()
    assert avatar_file(path) == avatar_file(str(path)) == path


def test_a_new_name(home):
    assert new_avatar_file("me") == home / "avatars" / "me.safetensors"
    for wrong in ("", "a/b", "..", "-o", "default", "grid-s1"):
        with pytest.raises(EmoGeneError, match="avatar name"):
            new_avatar_file(wrong)
