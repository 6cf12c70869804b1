"""Rays through the pixels of a camera, in the frame of a field, where its grids fill the cube -1..1."""

from typing import NamedTuple

import torch
from torch import Tensor

OFFICIAL_FOCAL, OFFICIAL_CENTRE = 1015.0, 112.0  # pixels, of an image of 224


class Rays(NamedTuple):
    """Pixels row by row."""

    origin: Tensor
    """``[R, 3]``"""
    direction: Tensor
    """``[R, 3]``, of length 1."""


def official_rays(pose: Tensor, size: int) -> Rays:
    """Rays of an instant-ngp camera-to-world ``pose [4, 4]`` for a square image of ``size`` pixels."""
    scale = size / (2 * OFFICIAL_CENTRE)
    row, column = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    column, row = column.flatten(), row.flatten()
    focal, centre = OFFICIAL_FOCAL * scale, size / 2
    seen = torch.stack([(column - centre) / focal, (row - centre) / focal, torch.ones_like(column)], -1)
    seen = seen / seen.norm(dim=-1, keepdim=True)
    return Rays(pose[:3, 3].expand(len(seen), 3), seen @ pose[:3, :3].T)
