"""The bias-free ReLU networks of the fields."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MLP(nn.Module):
    """``width_in -> hidden -> ... -> width_out`` without biases, ReLU between the layers."""

    def __init__(self, width_in: int, hidden: int, width_out: int, layers: int) -> None:
        super().__init__()
        widths = [width_in, *[hidden] * (layers - 1), width_out]
        self.net = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(widths))

    def weights(self) -> list[Tensor]:
        return list(self.parameters())

    def forward(self, *parts: Tensor) -> Tensor:
        """Inputs side by side, ``[N or 1, width]`` each: what is one row is multiplied once, not N times."""
        first, *rest = self.weights()
        weights = first.split([part.shape[-1] for part in parts], dim=1)
        x = F.linear(parts[0], weights[0])
        for part, weight in zip(parts[1:], weights[1:], strict=True):
            x = x + F.linear(part, weight)
        for weight in rest:
            x = F.linear(torch.relu(x), weight)
        return x


class _TruncatedExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx, *grads):
        return grads[0] * torch.exp(ctx.saved_tensors[0].clamp(-15, 15))


def truncated_exp(x: Tensor) -> Tensor:
    """exp whose gradient does not explode: the exponent is clamped to +-15 in the backward pass."""
    return _TruncatedExp.apply(x)  # pyright: ignore[reportReturnType]
