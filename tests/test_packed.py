"""Packed matrices give what plain ones do, whatever the processor can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emogene.packed import pack, packable, packs

ALL_BUT_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(70, 130), nn.GELU(), nn.Linear(130, 33, bias=False)).requires_grad_(False)


def bfloat16(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.bfloat16).float()


def test_float32():
    x = torch.randn(3, 5, 70, generator=torch.Generator().manual_seed(1))
    assert (pack(network())(x) - network()(x)).abs().max() < 1e-5


def test_bfloat16_rounds_numbers_and_sums_them_in_float32():
    linear, x = network()[0], torch.randn(3, 5, 70, generator=torch.Generator().manual_seed(1))
    exact = F.linear(bfloat16(x), bfloat16(linear.weight), bfloat16(linear.bias))
    packed = pack(nn.Sequential(linear), torch.bfloat16)(x)
    assert packed.dtype == torch.float32
    assert torch.equal(packed, bfloat16(packed)), "results are rounded too"
    assert ((packed - exact).abs() <= 2**-8 * exact.abs() + 1e-4).all(), "within one rounding"


def test_only_the_cpu_packs():
    assert packable("cpu") == packs(torch.float32)
    assert not packable("cuda")


@pytest.mark.skipif(os.environ.items() >= ALL_BUT_AVX2.items(), reason="this is that processor")
def test_on_a_processor_without_avx512():
    """Where oneDNN cannot multiply bfloat16."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__))]
    done = subprocess.run(command, env=os.environ | ALL_BUT_AVX2, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
