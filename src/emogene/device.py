"""Where to compute, how exactly, and on how many cores."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emogene.errors import EmoGeneError

if TYPE_CHECKING:  # PyTorch takes a second to import; wrong options are told before
    import torch

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = {"fp32": "float32", "bf16": "bfloat16"}
MOST_THREADS = 1024


def choose_device(device: str) -> str:
    """ "cpu" or "cuda"; "auto" is CUDA where there is one."""
    if device not in DEVICES:
        raise EmoGeneError(f"unknown device {device!r}; choose auto, cpu or cuda")
    if device == "cpu":
        return device
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise EmoGeneError("device cuda: PyTorch finds no CUDA device here; use --device cpu")
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_dtype(precision: str | None) -> "torch.dtype | None":
    """float32 for "fp32", bfloat16 for "bf16"; None leaves it to the network."""
    if precision is None:
        return None
    if precision not in PRECISIONS:
        raise EmoGeneError(f"unknown precision {precision!r}; choose {' or '.join(PRECISIONS)}")
    import torch

    return getattr(torch, PRECISIONS[precision])


def choose_threads(threads: int | None) -> int:
    """``threads``, or as many as there are :func:`cores` for us. EmoGeneError for what makes no sense."""
    if threads is None:
        return cores()
    if not 1 <= threads <= MOST_THREADS:
        raise EmoGeneError(f"threads must be 1 to {MOST_THREADS}, not {threads}")
    return int(threads)


def cores(root: Path = Path("/")) -> int:
    """How many cores this process may use: those of its affinity, and no more than its container's quota.

    A quota of one and a half cores is two. ``root``: where ``proc`` and ``sys`` are mounted.
    """
    return max(1, min([_affinity(), *_quotas(root)]))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[int]:
    """The quotas in cores of this process's control groups (Linux, version 1 and 2) and of all above them."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        mounted = root / "sys/fs/cgroup"
        if controllers:  # version 1 has one tree for each set of controllers
            if "cpu" not in controllers.split(","):
                continue
            mounted /= controllers if (mounted / controllers).is_dir() else "cpu"
        inside = Path(group.lstrip("/"))
        for place in (inside, *inside.parents):
            quota, period = _quota(mounted / place)
            if quota > 0 and period > 0:
                yield -(-quota // period)


def _quota(group: Path) -> tuple[int, int]:
    """Microseconds of processor time in each period of so many; (0, 0) where there is no limit."""
    words = _text(group / "cpu.max").split() or [
        *_text(group / "cpu.cfs_quota_us").split(),
        *_text(group / "cpu.cfs_period_us").split(),
    ]
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return 0, 0
    return int(words[0]), int(words[1])


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
