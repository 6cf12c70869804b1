"""Nothing is written and nobody is told that EmoGene runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEAR = """
import os, sys
import numpy as np
from emogene.audio.pitch import Pitch
before = dict(os.environ)
tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)
(found,) = Pitch()(0, tone.astype(np.float32))
assert abs(np.median(found[found > 0]) - 220) < 3
assert dict(os.environ) == before and "onnxruntime" in sys.modules
"""


def hear(home: Path, *trace: str) -> str:
    """What is said on standard error when a voice is heard by a user with a fresh home."""
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    done = subprocess.run(
        [*trace, sys.executable, "-B", "-c", HEAR],
        env=environment | {"HOME": str(home), "USERPROFILE": str(home)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_nothing_is_written_in_the_users_home(tmp_path):
    assert hear(tmp_path) == ""
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_nobody_is_looked_up(tmp_path):
    said = hear(tmp_path, "strace", "-f", "-e", "trace=network,openat")
    for trace in ("connect(", "sendto(", "resolv.conf", "deviceid"):
        assert trace not in said
