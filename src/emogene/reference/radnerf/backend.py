"""Which of two implementations computes: the kernels of the CPU, or plain PyTorch, their oracle."""

from typing import Literal

import torch
from torch import Tensor

Backend = Literal["auto", "reference", "numba"]


def by_kernels(backend: Backend, *tensors: Tensor) -> bool:
    """Whether the numba kernels serve these ``tensors``: "auto" takes them for float32 on the CPU."""
    if backend == "auto":
        return all(x.device.type == "cpu" and x.dtype == torch.float32 for x in tensors)
    return backend == "numba"
