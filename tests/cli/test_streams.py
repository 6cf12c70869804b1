"""Standard output and error that are closed, full, gone, or cannot show a name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def shell(line: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """``line`` run by sh, where ``$@`` is ``emogene ARGUMENTS``."""
    command = [sys.executable, "-m", "emogene", *arguments]
    return subprocess.run(
        ["sh", "-c", line, "sh", *map(str, command)],
        capture_output=True,
        env=os.environ | environment,
        timeout=120,
    )


@pytest.mark.parametrize("closed", ['"$@" >&-', '"$@" 2>&-', '"$@" >&- 2>&-', '"$@" <&- >&- 2>&-'])
def test_closed_streams(tmp_path, voice, closed):
    done = shell(closed, "generate", voice, "-o", tmp_path / "out.npz", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["out.npz"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output(tmp_path, voice):
    done = shell('"$@" >/dev/full', "generate", voice, "-o", tmp_path / "out.npz")
    assert done.returncode == 0 and (tmp_path / "out.npz").is_file()  # the work was done
    done = shell('"$@" >/dev/full', "avatars")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)  # the lines were the work
    assert b"standard output: cannot be written (No space left on device)" in done.stderr


def test_a_reader_that_has_seen_enough():
    done = shell('"$@" | head -1', "doctor")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"EmoGene\n", b"")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_names_that_the_console_cannot_show(tmp_path, voice, encoding):
    output = tmp_path / "声.npz"
    done = shell('"$@"', "generate", voice, "-o", output, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and output.is_file()
    shown = str(output) if encoding == "utf-8" else str(tmp_path / "\\u58f0.npz")
    assert done.stdout.decode().strip() == shown
    done = shell('"$@"', "generate", tmp_path / "声.wav", "-o", output, PYTHONIOENCODING=encoding)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1


def test_a_name_that_is_no_unicode(tmp_path, voice):
    output = os.fsencode(tmp_path) + b"/caf\xe9.npz"
    done = shell('"$@"', "generate", voice, "-o", os.fsdecode(output))
    assert done.returncode == 0 and os.path.isfile(output)
    assert b"caf" in done.stdout and b"Traceback" not in done.stderr
