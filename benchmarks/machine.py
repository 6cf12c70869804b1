"""What a benchmark ran on, and what a process of its own took there (Linux)."""

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding

PLAIN = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+avx,+fma,+bmi,+bmi2,+popcnt,+f16c,+sse4.2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "DNNL_MAX_CPU_ISA": "AVX2",
}
"""Environment in which kernels and networks are as on a processor without AVX-512."""


def machine() -> dict[str, object]:
    """The processor, the code it runs, and how busy it is; first in every output."""
    described = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", described)
    code = os.environ.get("NUMBA_CPU_NAME") or llvmlite.binding.get_host_cpu_name()
    return {
        "processor": f"{name.group(1) if name else 'unknown'} ({llvmlite.binding.get_host_cpu_name()})",
        "cores": len(os.sched_getaffinity(0)),
        "code": code,
        "load": round(os.getloadavg()[0], 1),
    }


@dataclass(frozen=True)
class Finished:
    """Of a process: seconds by the clock and of the processors, megabytes at most, standard output."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    output: str


def run(command: list[str], environment: dict[str, str] | None = None) -> Finished:
    """Run ``command``; a failure ends the benchmark."""
    start, peak = time.time(), 0.0
    with tempfile.TemporaryFile("w+") as output:
        before = os.times()
        process = subprocess.Popen(command, stdout=output, env=os.environ | (environment or {}))
        while process.poll() is None:
            peak = max(peak, _resident(process.pid))
            time.sleep(0.02)
        after = os.times()
        if process.returncode:
            sys.exit(f"failed: {' '.join(command)}")
        output.seek(0)
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        return Finished(time.time() - start, spent, peak, output.read())


def _resident(process: int) -> float:
    """Megabytes of the peak so far. Not getrusage: it counts the parent's memory before the exec."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has just ended
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else 0
