"""Matrix products for inference on the CPU, their weights laid out once for oneDNN.

PyTorch multiplies float32 matrices by MKL, which on AMD processors reaches less than half of oneDNN's speed;
oneDNN wants the weights in its own layout. :func:`pack` makes that layout in place of the plain weights.
"""

from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class PackedLinear(nn.Module):
    """``x W^T + b``, float32 ``[..., I] -> [..., O]``, with frozen weights in oneDNN's layout.

    With ``dtype`` bfloat16 weights and inputs are rounded; products are still summed in float32.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype, self.outputs = dtype, len(weight)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().to(dtype).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]).to(self.dtype)
        product = torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")
        return product.to(x.dtype).reshape(*x.shape[:-1], self.outputs)


def packable(device: torch.device | str) -> bool:
    """Whether this build of PyTorch can pack weights for ``device``."""
    known = hasattr(torch.ops.mkldnn, "_reorder_linear_weight") and hasattr(
        torch.ops.mkldnn, "_linear_pointwise"
    )
    return torch.device(device).type == "cpu" and torch.backends.mkldnn.is_available() and known


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
