"""Where to compute, and how exactly."""

import torch

from emogene.errors import EmoGeneError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def choose_device(device: str) -> str:
    """ "cpu" or "cuda"; "auto" is CUDA where there is one."""
    if device not in ("auto", "cpu", "cuda"):
        raise EmoGeneError(f"unknown device {device!r}; choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise EmoGeneError("device cuda: PyTorch finds no CUDA device here; use --device cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def choose_dtype(precision: str | None) -> torch.dtype | None:
    """float32 for "fp32", bfloat16 for "bf16"; None leaves it to the network."""
    if precision is not None and precision not in PRECISIONS:
        raise EmoGeneError(f"unknown precision {precision!r}; choose {' or '.join(PRECISIONS)}")
    return None if precision is None else PRECISIONS[precision]
