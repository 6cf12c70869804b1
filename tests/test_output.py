"""Files are there whole or not at all, and nothing else is harmed."""

import os
from pathlib import Path

import pytest

from emogene.errors import EmoGeneError
from emogene.output import check_outputs, check_writable, discard_unfinished, replacing

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


def test_the_name_is_taken_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, EmoGeneError, SystemExit])
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


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with replacing(tmp_path / "file") as first, replacing(tmp_path / "file") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "file").read_text() == "first"  # it ended last
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_one_line(tmp_path):
    refused = pytest.raises(EmoGeneError, match=r"file: cannot be written \(No space left on device\)")
    with refused, replacing(tmp_path / "file"):
        raise OSError(28, os.strerror(28))


def test_what_else_is_missing_is_not_the_outputs_fault(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"picture\.png"), replacing(tmp_path / "out.mp4"):
        (tmp_path / "picture.png").read_bytes()


def test_a_part_that_cannot_be_opened_is(tmp_path):
    with (
        pytest.raises(EmoGeneError, match=r"out\.mp4: cannot be written"),
        replacing(tmp_path / "out.mp4") as part,
    ):
        part.mkdir()
        try:
            part.open("wb")
        finally:
            part.rmdir()


@posix
def test_a_link_stays_and_what_it_names_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with replacing(tmp_path / "link") as part:
        part.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


@posix
@pytest.mark.parametrize("name", [b"n" * 250 + b".mp4", "声" * 80 + ".npz", b"caf\xe9.npz"])
def test_long_and_odd_names_can_be_written(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    check_outputs([path])
    with replacing(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"


@posix
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is a folder"),
        ("none/file", "does not exist"),
        ("n" * 256, "File name too long"),
        ("nul\0", "null"),
        ("pipe", "not an ordinary file"),
        ("file/below", "Not a directory|does not exist"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(tmp_path, name, says):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    with pytest.raises(EmoGeneError, match=says) as error:
        check_writable(tmp_path / name)
    assert "\n" not in str(error.value)


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused_at_once(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(EmoGeneError, match="no permission"):
        check_writable(tmp_path / "file")


# ---- Inputs and outputs


@pytest.fixture
def talk(tmp_path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_text("precious")
    return path


def spellings(path: Path) -> list[Path]:
    """Other ways to name it, a link and a hard link among them."""
    folder = path.parent
    (folder / "sub").mkdir()
    (folder / "link.mp4").symlink_to(path)
    (folder / "sub" / "away").symlink_to(folder, target_is_directory=True)
    os.link(path, folder / "hard.mp4")
    return [
        *[path, folder / "sub" / ".." / path.name, folder / "link.mp4", folder / "hard.mp4"],
        folder / "sub" / "away" / path.name,
        Path(os.path.relpath(path)),
    ]


@posix
def test_an_output_that_is_an_input_is_refused(talk):
    for other in spellings(talk):
        for output, source in ((talk, other), (other, talk)):
            with pytest.raises(EmoGeneError, match="is an input") as error:
                check_outputs([talk.with_name("fine.mp4"), output], ["missing.tsv", source])
            assert str(output) in str(error.value) and "\n" not in str(error.value)


@posix
def test_an_output_that_is_another_is_refused_whether_it_is_there_or_not(talk):
    for other in spellings(talk):
        with pytest.raises(EmoGeneError, match="written twice"):
            check_outputs([talk, talk.with_name("fine.npz"), other])
    new = talk.with_name("new.mp4")
    for other in (new, talk.parent / "sub" / ".." / "new.mp4", talk.parent / "sub" / "away" / "new.mp4"):
        with pytest.raises(EmoGeneError, match="written twice"):
            check_outputs([new, other])


def test_names_that_differ_in_case_are_one_file_only_where_the_system_has_it_so(tmp_path):
    (tmp_path / "probe").write_text("")
    outputs = [tmp_path / "Talk.mp4", tmp_path / "talk.mp4"]
    if (tmp_path / "PROBE").exists():
        with pytest.raises(EmoGeneError, match="written twice"):
            check_outputs(outputs)
    else:
        check_outputs(outputs)
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]


def test_accents_may_be_spelt_in_two_ways(tmp_path):
    with pytest.raises(EmoGeneError, match="written twice"):
        check_outputs([tmp_path / "caf\u00e9.mp4", tmp_path / "cafe\u0301.mp4"])


def test_outputs_beside_inputs_are_fine(talk):
    check_outputs(
        [talk.with_name("out.mp4"), talk.with_name("out.npz")], [talk, "white", "happy=0.6", "nul\0"]
    )
    assert [path.name for path in talk.parent.iterdir()] == ["talk.mp4"]
