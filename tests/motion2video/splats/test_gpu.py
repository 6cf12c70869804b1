"""The Triton rasteriser against the twin: on CUDA where there is one, else in Triton's interpreter."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CODE = """
import torch
from emogene.motion2video.splats import render
from emogene.motion2video.splats.gpu import raster_triton
from emogene.motion2video.splats.torch_twin import project_torch
from tests.motion2video.splats.test_render import scene, view

device = "cuda" if torch.cuda.is_available() else "cpu"
splats = torch.from_numpy(scene(60, size=0.08)).to(device).requires_grad_()
seen = view(40, 35, 160.0)
probe = torch.randn(4, 35, 40, generator=torch.Generator().manual_seed(0)).to(device)
for backend in ("triton", "torch"):
    shown = render(splats, seen, backend)
    gradient, = torch.autograd.grad((shown * probe).sum(), splats)
    if backend == "triton":
        mine = shown, gradient
assert 0.05 < shown[3].mean() < 0.8
torch.testing.assert_close(mine[0], shown, atol=2e-3, rtol=0)
for row in range(13):
    error = (mine[1][row] - gradient[row]).abs().max() / gradient[row].abs().max()
    assert error < 5e-3, (row, float(error))
print("equal")
"""


@pytest.mark.skipif(not find_spec("triton"), reason="Triton is not installed: pip install triton")
def test_triton_draws_what_the_twin_draws_and_its_gradients_agree():
    root = Path(__file__).parents[3]
    paths = os.pathsep.join([str(root / "src"), str(root)])
    environment = dict(os.environ) | {"TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    if _cuda():
        environment.pop("TRITON_INTERPRET")
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["equal"], done.stderr


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()
