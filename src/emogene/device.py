"""Where to compute."""

import torch

from emogene.errors import EmoGeneError


def choose_device(device: str) -> str:
    """ "cpu" or "cuda"; "auto" is CUDA where there is one."""
    if device not in ("auto", "cpu", "cuda"):
        raise EmoGeneError(f"unknown device {device!r}; choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise EmoGeneError("device cuda: PyTorch finds no CUDA device here; use --device cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
