"""Matrix products for inference on the CPU, their weights laid out once for oneDNN.

PyTorch multiplies float32 matrices by MKL, which on AMD processors reaches less than half of oneDNN's speed;
oneDNN wants the weights in its own layout. :func:`pack` makes that layout in place of the plain weights,
where there is one: that depends on the build of PyTorch, on the processor and on the precision.
"""

from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

M = TypeVar("M", bound=nn.Module)


class PackedLinear(nn.Module):
    """``x W^T + b``, float32 ``[..., I] -> [..., O]``, with frozen weights in oneDNN's layout.

    With ``dtype`` bfloat16 weights, inputs and results are rounded; products are still summed in float32. A
    processor that cannot multiply bfloat16 by oneDNN multiplies the rounded numbers in float32.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.rounded, self.outputs = dtype, len(weight)
        self.computed = dtype if packs(dtype) else torch.float32
        self.packed = packs(self.computed)
        self.bias = None if bias is None else bias.detach().to(dtype).to(self.computed)
        weight = weight.detach().to(dtype).to(self.computed).contiguous()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight) if self.packed else weight

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]).to(self.rounded).to(self.computed)
        if self.packed:
            product = torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")
        else:
            product = F.linear(rows, self.weight, self.bias)
        return product.to(self.rounded).to(x.dtype).reshape(*x.shape[:-1], self.outputs)


@cache
def packs(dtype: torch.dtype) -> bool:
    """Whether this PyTorch can lay out and multiply matrices of ``dtype`` by oneDNN on this processor.

    It is tried, for what the processor has is not what oneDNN was told or built to use.
    """
    weight = torch.ones(16, 16, dtype=dtype)
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)
        torch.ops.mkldnn._linear_pointwise(weight, packed, None, "none", [], "")
    except (RuntimeError, AttributeError):
        return False
    return True


def packable(device: torch.device | str) -> bool:
    """Whether packing weights for ``device`` is of use."""
    return torch.device(device).type == "cpu" and packs(torch.float32)


def pack(module: M, dtype: torch.dtype = torch.float32) -> M:
    """Replace every ``nn.Linear`` below ``module``, and what its parts offer by a ``pack`` method, in place.

    For inference only: the plain weights are gone afterwards.
    """
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, PackedLinear(child.weight, child.bias, dtype))
        elif hasattr(child, "pack"):
            child.pack(dtype)  # type: ignore[operator]
        else:
            pack(child, dtype)
    return module
