"""Where the user's own files are looked for."""

from pathlib import Path

import pytest

from emogene.errors import EmoGeneError
from emogene.weights import places


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {"HOME": "/home/a"}, "/home/a/.local/share/emogene"),
        ("linux", {"HOME": "/home/a", "XDG_DATA_HOME": "/data"}, "/data/emogene"),
        ("linux", {"HOME": "/home/a", "XDG_DATA_HOME": "data"}, "/home/a/.local/share/emogene"),
        ("linux", {"HOME": "/home/a", "XDG_DATA_HOME": "/data", "EMOGENE_HOME": "/mine"}, "/mine"),
        ("darwin", {"HOME": "/Users/a"}, "/Users/a/Library/Application Support/emogene"),
        ("win32", {"USERPROFILE": "/Users/a"}, "/Users/a/AppData/Local/emogene"),
        ("win32", {"USERPROFILE": "/Users/a", "LOCALAPPDATA": "/local"}, "/local/emogene"),
    ],
)
def test_the_folder_is_the_platforms(platform, environment, folder):
    assert places.data_folder(environment, platform) == Path(folder)


@pytest.fixture
def homeless(monkeypatch) -> None:
    """A user without an account and without $HOME, as in some containers."""

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "LOCALAPPDATA", "EMOGENE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_home_folder_nothing_is_found_and_writing_says_why(homeless):
    assert places.searched("avatars") == [] and places.earlier_folder() is None
    with pytest.raises(EmoGeneError, match="set EMOGENE_HOME"):
        places.located("avatars")


def test_files_in_the_earlier_folder_are_found_with_a_hint(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "EMOGENE_HOME"):
        monkeypatch.delenv(name, raising=False)
    earlier, now = tmp_path / ".cache/emogene/avatars", tmp_path / ".local/share/emogene/avatars"
    assert places.located("avatars") == now and places.moving_hint(now) is None
    earlier.mkdir(parents=True)
    assert places.located("avatars") == earlier
    assert str(now / "me") in str(places.moving_hint(earlier / "me"))
    now.mkdir(parents=True)
    assert places.located("avatars") == now and places.searched("avatars") == [now, earlier]
