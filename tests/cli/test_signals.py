"""What ends the program from outside, at any moment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from emogene.cli.signals import leave_on_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows delivers no such signals")

ENDS = [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "hung up")]
READY = "import os, sys\nfrom emogene.cli import main\nos.write(1, b'x')\nmain()"


def minding() -> None:
    """A job in the background, as tests may be, ignores some signals, and so would its children."""
    for name, *_ in ENDS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def start(command: list[object]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=minding,
    )


def ended(process: subprocess.Popen[str], name: str) -> str:
    """What the process says on standard error when the signal ends it."""
    try:
        os.kill(process.pid, getattr(signal, name))
        return process.communicate(timeout=60)[1]
    finally:
        process.kill()


@pytest.mark.parametrize(("name", "status", "word"), ENDS)
def test_in_the_midst_of_the_work_nothing_is_left(tmp_path, humming, name, status, word):
    process = start(["-m", "emogene", "generate", humming(60), "-o", tmp_path / "out.mp4", "--size", 64])
    while not list(tmp_path.glob(".*.part")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    said = ended(process, name)
    assert process.returncode == status
    assert said.splitlines()[-1] == f"emogene: {word}" and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("delay", [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2])
def test_during_imports(tmp_path, humming, delay):
    process = start(["-c", READY, "generate", humming(1), "-o", tmp_path / "out.npz"])
    assert process.stdout is not None and process.stdout.read(1) == "x"
    time.sleep(delay)
    said = ended(process, "SIGINT")
    assert (process.returncode, said.splitlines()[-1]) == (130, "emogene: interrupted")
    assert "Traceback" not in said and list(tmp_path.iterdir()) == []


def test_the_way_to_the_first_handler_is_short():
    """What is imported before signals are minded."""
    script = "import sys; before = set(sys.modules); import emogene.cli; print(*set(sys.modules) - before)"
    names = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.split()
    assert "emogene.cli.signals" in names
    ours = {"emogene", "emogene.lazy", "emogene.cli", "emogene.cli.signals"}
    assert {name for name in names if name.startswith("emogene")} == ours
    assert not {"tyro", "numpy", "rich", "torch"} & set(names)


def test_an_ignored_signal_stays_ignored(tmp_path):
    """As under nohup."""
    script = "import os, signal\nfrom emogene.cli.signals import leave_on_signals\n"
    script += "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nleave_on_signals()\nos.kill(os.getpid(), 1)\n"
    assert subprocess.run([sys.executable, "-c", script + "print('alive')"]).returncode == 0


def test_a_callers_handlers_are_put_back():
    before = [signal.getsignal(getattr(signal, name)) for name, *_ in ENDS]
    put_back: Callable[[], None] = leave_on_signals()
    put_back()
    assert [signal.getsignal(getattr(signal, name)) for name, *_ in ENDS] == before


def test_on_another_thread_no_handler_can_be_set():
    script = "import threading\nfrom emogene.cli import main\n"
    script += "thread = threading.Thread(target=main, args=(['--version'],)); thread.start(); thread.join()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith("emogene ") and "ValueError" not in done.stderr
