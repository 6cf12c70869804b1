"""Compiled code is kept where it can be, and made anew where it cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import emogene

ENCODE = """
import torch
from emogene.reference.radnerf.grid import grid_encode
from emogene.reference.radnerf.grid_config import GridConfig

torch.manual_seed(0)
config = GridConfig(2, levels=2, log2_rows=8, finest_resolution=32)  # float32 places points finely enough
unit, table = torch.rand(50, 2), torch.randn(config.rows, 2)
kernel, plain = (grid_encode(unit, table, config, backend) for backend in ("numba", "reference"))
assert (kernel - plain).abs().max() < 1e-5

from emogene.kernel import kernel_cache
print(kernel_cache())
"""


def encode(**environment: str) -> str:
    """What the script prints in a process of its own."""
    usual = {name: value for name, value in os.environ.items() if name not in ("HOME", "NUMBA_CACHE_DIR")}
    command = [sys.executable, "-B", "-c", ENCODE]
    return subprocess.check_output(command, env=usual | environment, text=True).strip()


def test_kernels_work_where_nothing_can_be_kept(tmp_path):
    """A package and a home folder that cannot be written, for whoever runs it: files in place of folders."""
    package = tmp_path / "emogene"
    kept_out = shutil.ignore_patterns("__pycache__", "assets")
    shutil.copytree(Path(emogene.__file__).parent, package, ignore=kept_out)
    for folder in {path.parent for path in package.rglob("*.py")}:
        (folder / "__pycache__").touch()
    home = tmp_path / "home"
    home.touch()
    assert encode(PYTHONPATH=str(tmp_path), HOME=str(home), XDG_CACHE_HOME=str(home)) == "None"


def test_kernels_are_kept_where_there_is_a_folder(tmp_path):
    told = encode(NUMBA_CACHE_DIR=str(tmp_path))
    assert Path(told).is_relative_to(tmp_path)
    assert any(path.name.startswith("grid_cpu.") for path in tmp_path.rglob("*.nbc"))


def test_kernels_work_without_a_home():
    assert encode() != ""
