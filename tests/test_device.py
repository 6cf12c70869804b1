"""Cores, threads, device and precision."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from emogene import device
from emogene.errors import EmoGeneError


def tree(root: Path, **files: str) -> Path:
    """``root`` with files, whose names have ``__`` where paths have ``/``."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_max", ".max").replace("cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def many_cores(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 64),
        ({"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__cpu_max": "max 100000\n"}, 64),
        ({"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__cpu_max": "400000 100000\n"}, 4),
        ({"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__cpu_max": "150000 100000\n"}, 2),
        ({"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__cpu_max": "1000 100000\n"}, 1),
        # the group above is the one that is limited
        ({"proc__self__cgroup": "0::/a/b\n", "sys__fs__cgroup__a__cpu_max": "300000 100000\n"}, 3),
        (  # version 1
            {
                "proc__self__cgroup": "5:memory:/x\n4:cpu,cpuacct:/job\n0::/\n",
                "sys__fs__cgroup__cpu,cpuacct__job__cfs_quota_us": "500000\n",
                "sys__fs__cgroup__cpu,cpuacct__job__cfs_period_us": "100000\n",
            },
            5,
        ),
        (
            {
                "proc__self__cgroup": "1:cpu:/\n",
                "sys__fs__cgroup__cpu__cfs_quota_us": "-1\n",
                "sys__fs__cgroup__cpu__cfs_period_us": "100000\n",
            },
            64,
        ),
    ],
)
def test_a_containers_quota_counts(tmp_path, many_cores, files, cores):
    assert device.cores(tree(tmp_path, **files)) == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system knows no affinity")
def test_the_affinity_counts():
    script = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from emogene.device import cores; print(cores())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr


def test_the_number_of_threads():
    assert device.choose_threads(3) == 3 and device.choose_threads(None) == device.cores()
    for wrong in (0, -1, 100_000):
        with pytest.raises(EmoGeneError, match=f"threads must be 1 to 1024, not {wrong}"):
            device.choose_threads(wrong)


def test_device_and_precision():
    assert device.choose_device("cpu") == "cpu"
    assert device.choose_dtype("bf16") == torch.bfloat16 and device.choose_dtype(None) is None
    with pytest.raises(EmoGeneError, match="choose auto, cpu or cuda"):
        device.choose_device("tpu")
    with pytest.raises(EmoGeneError, match="choose fp32 or bf16"):
        device.choose_dtype("fp8")
