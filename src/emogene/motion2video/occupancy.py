"""Keeping the occupancy grid of an official field while it is trained."""

import torch
from torch import Tensor

from emogene.motion2video.field import HeadField
from emogene.motion2video.marching import morton, pack_bits

CHUNK = 2**17


def _dilate(volume: Tensor) -> Tensor:
    """Maximum over each cell and its six neighbours, ``[X, Y, Z]``."""
    result = volume.clone()
    for axis in range(3):
        count = volume.shape[axis] - 1
        low, high = volume.narrow(axis, 0, count), volume.narrow(axis, 1, count)
        for target, source in ((result.narrow(axis, 1, count), low), (result.narrow(axis, 0, count), high)):
            torch.maximum(target, source, out=target)
    return result


@torch.no_grad()
def update_density(field: HeadField, condition: Tensor, noise: Tensor, decay: float = 0.95) -> float:
    """One update of ``density_grid`` and ``density_bitfield`` under one condition; returns the mean density.

    ``noise [cells, 3]`` uniform in 0..1, cells ordered x, y, z (z fastest): where in its cell the density
    is asked for. Cells marked -1 (seen by no camera) stay so. A cell is full above the mean density, or above
    the configured threshold if that is lower.
    """
    size = field.config.grid_size
    cell = torch.cartesian_prod(*[torch.arange(size)] * 3)
    centre = (2 * cell / (size - 1) - 1) * (1 - 1 / size)
    position = centre + (2 * noise - 1) / size
    fresh = torch.cat([field.density(part, condition) for part in position.split(CHUNK)])
    fresh = _dilate(fresh.reshape(size, size, size)).reshape(-1)
    index, grid = morton(cell), field.density_grid[0]
    old = grid[index]
    grid[index] = torch.where(old >= 0, torch.maximum(old * decay, fresh), old)
    mean = grid.clamp_min(0).mean().item()
    field.density_bitfield.copy_(pack_bits(grid > min(mean, field.config.density_threshold)))
    return mean
