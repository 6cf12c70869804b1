"""Files are there whole or not at all."""

import os

import pytest

from emogene.errors import EmoGeneError
from emogene.output import check_writable, discard_unfinished, replacing


def test_the_name_is_taken_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, EmoGeneError])
def test_a_failure_removes_what_was_begun(tmp_path, error):
    with pytest.raises(error), replacing(tmp_path / "file") as part:
        part.write_text("half")
        raise error
    assert not list(tmp_path.iterdir())


def test_what_is_being_written_can_be_removed_at_once(tmp_path):
    with replacing(tmp_path / "one") as one, replacing(tmp_path / "two") as two:
        one.write_text("half")
        discard_unfinished()
        assert not one.exists() and not list(tmp_path.iterdir())
        one.write_text("whole")
        two.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_the_systems_refusal_is_one_line(tmp_path):
    refused = pytest.raises(EmoGeneError, match=r"file: cannot be written \(No space left on device\)")
    with refused, replacing(tmp_path / "file"):
        raise OSError(28, os.strerror(28))


def test_a_folder_or_a_missing_folder_is_refused_at_once(tmp_path):
    with pytest.raises(EmoGeneError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(EmoGeneError, match="does not exist"):
        check_writable(tmp_path / "none" / "file")
