"""Which of two implementations computes: the kernels of the CPU, or plain PyTorch, their oracle.

Plain PyTorch runs on any device, in any precision, and has gradients; the kernels have none.
"""

from typing import Literal

import torch
from torch import Tensor

Backend = Literal["auto", "reference", "numba"]


def by_kernels(backend: Backend, *tensors: Tensor) -> bool:
    """Whether the numba kernels serve these ``tensors``: "auto" takes them for float32 on the CPU where no
    gradient is wanted."""
    if backend == "auto":
        wanted = torch.is_grad_enabled() and any(x.requires_grad for x in tensors)
        return not wanted and all(x.device.type == "cpu" and x.dtype == torch.float32 for x in tensors)
    return backend == "numba"
