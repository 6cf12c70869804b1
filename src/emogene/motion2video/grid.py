"""Multi-resolution grid encoding (Müller et al. 2022, as RAD-NeRF uses it): tiled or hashed, 2-D or 3-D."""

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from emogene.motion2video import grid_cpu

Backend = Literal["auto", "reference", "numba"]

PRIMES = (1, 2654435761, 805459861)
UINT32 = 0xFFFFFFFF


@dataclass(frozen=True)
class GridConfig:
    """Sizes of a grid encoding; the defaults are the official ones."""

    dimensions: int = 3
    """Of the coordinates: 2 or 3."""
    levels: int = 16
    features: int = 2
    """Numbers per level."""
    base_resolution: int = 16
    finest_resolution: int = 2048
    log2_rows: int = 16
    """The largest table of one level has 2**log2_rows rows."""
    hashed: bool = False
    """Beyond that size: spatial hash, or (official) tiles."""
    smoothstep: bool = False

    @property
    def width(self) -> int:
        return self.levels * self.features

    @cached_property
    def growth(self) -> float:
        """log2 of the ratio of the resolutions of two neighbouring levels."""
        steps = max(self.levels - 1, 1)
        return float(np.log2(self.finest_resolution / self.base_resolution) / steps)

    @cached_property
    def offsets(self) -> np.ndarray:
        """``[levels + 1]`` int32: first row of each level."""
        sizes = []
        for level in range(self.levels):
            side = int(np.ceil(self.base_resolution * 2 ** (level * self.growth))) + 1
            rows = min(2**self.log2_rows, side**self.dimensions)
            sizes.append(-(-rows // 8) * 8)
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)

    @cached_property
    def scales(self) -> np.ndarray:
        """``[levels]`` float32: cells across the unit interval."""
        exponent = np.arange(self.levels, dtype=np.float32) * np.float32(self.growth)
        return np.exp2(exponent) * np.float32(self.base_resolution) - np.float32(1)

    @cached_property
    def strides(self) -> np.ndarray:
        """``[levels, 4]`` uint32: row stride of x, y and z (0 in 2-D), and whether the level is hashed.

        A tiled level drops the coordinates whose stride exceeds its rows; a hashed one multiplies by primes.
        """
        table = np.zeros((self.levels, 4), np.uint32)
        for level, (rows, scale) in enumerate(zip(np.diff(self.offsets), self.scales, strict=True)):
            side, stride = int(np.ceil(scale)) + 2, 1
            for axis in range(self.dimensions):
                if stride > rows:
                    break
                table[level, axis] = stride
                stride *= side
            if self.hashed and stride > rows:
                table[level] = [*PRIMES[: self.dimensions], *[0] * (3 - self.dimensions), 1]
        return table

    @cached_property
    def masks(self) -> np.ndarray:
        """``[levels]`` uint32: a row index is taken modulo the level's rows by this mask."""
        rows = np.diff(self.offsets)
        return np.where(rows == 2**self.log2_rows, rows - 1, UINT32).astype(np.uint32)


def grid_reference(unit: Tensor, table: Tensor, config: GridConfig) -> Tensor:
    """Plain PyTorch grid encoding, the oracle of the kernels; differentiable, on any device.

    ``unit [N, D]`` in 0..1 (points outside give zeros), ``table [rows, F]`` -> ``[N, levels * F]``.
    """
    inside = ((unit >= 0) & (unit <= 1)).all(-1, keepdim=True)
    layout = np.column_stack([config.offsets[:-1], np.diff(config.offsets), config.masks, config.strides])
    first, rows, mask, *strides, hashed = torch.tensor(layout.astype(np.int64), device=unit.device).unbind(1)
    scales = torch.tensor(config.scales, dtype=unit.dtype, device=unit.device)
    position = unit[:, None] * scales[:, None] + 0.5  # [N, levels, D]
    cell = position.detach().floor()
    part = position - cell
    if config.smoothstep:
        part = part * part * (3 - 2 * part)
    cell, shares = cell.long(), (1 - part, part)
    value = torch.zeros((), dtype=table.dtype, device=table.device)
    for corner in range(2**config.dimensions):
        bits = [corner >> axis & 1 for axis in range(config.dimensions)]
        weight = torch.stack([shares[bit][..., axis] for axis, bit in enumerate(bits)]).prod(0)
        steps = [(cell[..., axis] + bit) * strides[axis] & UINT32 for axis, bit in enumerate(bits)]
        row = sum(steps[1:], steps[0])
        if config.hashed:
            row = torch.where(hashed.bool(), reduce(torch.bitwise_xor, steps), row)
        row = torch.minimum(row & mask, rows - 1) + first
        value = value + weight[..., None] * table[row]
    return torch.where(inside, value.flatten(1), 0)


class _GridKernel(torch.autograd.Function):
    """The numba kernels as one differentiable operation."""

    @staticmethod
    def forward(ctx, unit: Tensor, table: Tensor, config: GridConfig) -> Tensor:
        ctx.save_for_backward(unit, table)
        ctx.config = config
        out = torch.empty(len(unit), config.width)
        grid_cpu.forward(unit.numpy(), table.numpy(), out.numpy(), config)
        return out

    @staticmethod
    def backward(ctx, *grads: Tensor):
        unit, table = ctx.saved_tensors
        grad = grads[0].float().contiguous().numpy()
        grad_unit = grad_table = None
        if ctx.needs_input_grad[1]:
            grad_table = torch.zeros_like(table)
            grid_cpu.backward_table(unit.numpy(), grad, grad_table.numpy(), ctx.config)
        if ctx.needs_input_grad[0]:
            grad_unit = torch.empty_like(unit)
            grid_cpu.backward_unit(unit.numpy(), table.numpy(), grad, grad_unit.numpy(), ctx.config)
        return grad_unit, grad_table, None


def grid_encode(unit: Tensor, table: Tensor, config: GridConfig, backend: Backend = "auto") -> Tensor:
    """``unit [N, D]`` in 0..1, ``table [rows, features]`` -> ``[N, levels * features]``; zeros outside 0..1.

    ``auto`` takes the numba kernels for float32 on the CPU, the reference elsewhere.
    """
    if backend == "auto":
        on_cpu = unit.device.type == "cpu" and unit.dtype == table.dtype == torch.float32
        backend = "numba" if on_cpu else "reference"
    if backend == "reference":
        return grid_reference(unit, table, config)
    return _GridKernel.apply(unit.contiguous(), table, config)  # pyright: ignore[reportReturnType]


class GridEncoding(nn.Module):
    """A trainable grid over the box ``-1..1``: ``[N, D] -> [N, levels * features]``."""

    embeddings: nn.Parameter
    offsets: Tensor

    def __init__(self, config: GridConfig, backend: Backend = "auto") -> None:
        super().__init__()
        self.config = config
        self.backend: Backend = backend
        rows = int(config.offsets[-1])
        self.embeddings = nn.Parameter(torch.empty(rows, config.features).uniform_(-1e-4, 1e-4))
        self.register_buffer("offsets", torch.from_numpy(config.offsets.copy()))

    def forward(self, x: Tensor) -> Tensor:
        return grid_encode((x + 1) / 2, self.embeddings, self.config, self.backend)
