"""Multi-resolution grid encoding (Müller et al. 2022, as RAD-NeRF uses it): tiled or hashed, 2-D or 3-D."""

from functools import reduce

import numpy as np
import torch
from torch import Tensor, nn

from emogene.reference.radnerf.backend import Backend, by_kernels
from emogene.reference.radnerf.grid_config import FEATURES, UINT32, GridConfig


def grid_reference(unit: Tensor, table: Tensor, config: GridConfig) -> Tensor:
    """Plain PyTorch grid encoding, the oracle of the kernel; differentiable, on any device.

    ``unit [N, D]`` in 0..1 (points outside give zeros), ``table [rows, 2]`` -> ``[N, levels * 2]``.
    """
    layout = config.layout
    inside = ((unit >= 0) & (unit <= 1)).all(-1, keepdim=True)
    columns = np.column_stack([layout.offsets[:-1], np.diff(layout.offsets), layout.masks, layout.strides])
    first, rows, mask, *strides, hashed = torch.tensor(columns.astype(np.int64), device=unit.device).unbind(1)
    scales = torch.tensor(layout.scales, dtype=unit.dtype, device=unit.device)
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


def grid_encode(unit: Tensor, table: Tensor, config: GridConfig, backend: Backend = "auto") -> Tensor:
    """``unit [N, D]`` in 0..1, ``table [rows, 2]`` -> ``[N, levels * 2]``; zeros outside 0..1."""
    if not by_kernels(backend, unit, table):
        return grid_reference(unit, table, config)
    from emogene.reference.radnerf import grid_cpu

    out = torch.empty(len(unit), config.width)
    grid_cpu.encode(
        unit=unit.detach().contiguous().numpy(),
        table=table.detach().numpy(),
        out=out.numpy(),
        layout=config.layout,
    )
    return out


class GridEncoding(nn.Module):
    """A trainable grid over the box ``-1..1``: ``[N, D] -> [N, levels * 2]``."""

    embeddings: nn.Parameter
    offsets: Tensor

    def __init__(self, config: GridConfig, backend: Backend = "auto") -> None:
        super().__init__()
        self.config = config
        self.backend: Backend = backend
        self.embeddings = nn.Parameter(torch.empty(config.rows, FEATURES).uniform_(-1e-4, 1e-4))
        self.register_buffer("offsets", torch.from_numpy(config.layout.offsets.copy()))

    def forward(self, x: Tensor) -> Tensor:
        return grid_encode((x + 1) / 2, self.embeddings, self.config, self.backend)
