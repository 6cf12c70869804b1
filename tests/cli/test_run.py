"""What every verb has in common: help, how errors are told, exit statuses."""

import json
import subprocess
import sys

import pytest

from emogene import __version__


def test_version(run):
    assert run("--version") == (0, f"emogene {__version__}\n", "")


@pytest.mark.parametrize("command", [(), ("generate",), ("avatars",), ("evaluate",), ("doctor",)])
def test_help(run, command):
    status, out, err = run(*command, "--help")
    assert status == 0 and "usage: emogene" in out and not err


def test_help_does_not_wait_for_pytorch():
    script = "import sys, emogene.cli.run; sys.exit('torch' in sys.modules or 'av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_avatars_names_the_default(run):
    status, out, _ = run("avatars")
    assert status == 0 and "grid-s1" in out


def test_doctor(run):
    status, out, _ = run("doctor")
    assert status == 0
    for word in ("torch", "threads", "kernels", "Embedded weights", "sha256", "EmoTalk"):
        assert word in out


def test_evaluate_of_nothing(run, tmp_path):
    nothing = tmp_path / "none"
    assert run("evaluate", "lips", nothing) == (2, "", f"emogene: {nothing}: no such folder\n")


def test_figures_do_not_replace_what_they_are_measured_on(run, tmp_path):
    (tmp_path / "labels.csv").write_text("file,emotion\n")
    status, _, err = run("evaluate", "emotion", tmp_path, "--json", tmp_path / "labels.csv")
    assert status == 2 and "is an input" in err


def test_a_fault_of_ours_is_one_line_too(run, monkeypatch):
    monkeypatch.setattr("emogene.doctor.report", lambda: json.loads("{"))
    status, out, err = run("doctor")
    assert (status, out) == (1, "") and err.count("\n") == 1 and "JSONDecodeError" in err


def test_too_little_memory_is_told_as_such(run, monkeypatch):
    def report() -> str:
        raise MemoryError("to load a file")

    monkeypatch.setattr("emogene.doctor.report", report)
    assert run("doctor") == (1, "", "emogene: not enough memory to load a file\n")
