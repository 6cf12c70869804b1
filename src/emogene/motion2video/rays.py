"""Rays through the pixels of a camera, in the frame of a field.

The field lives in the cube -1..1. Ours: ``(p - centre) / radius`` of a canonical point p in decimetres, one
scale for all axes. Official fields: the frame of instant-ngp, to which the poses are converted beforehand.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from emogene.face.camera import Camera

OFFICIAL_FOCAL, OFFICIAL_CENTRE = 1015.0, 112.0  # pixels, of an image of 224


class Rays(NamedTuple):
    """Pixels row by row."""

    origin: Tensor
    """``[R, 3]``"""
    direction: Tensor
    """``[R, 3]``, of length 1."""


def pixel_grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Column and row of every pixel's centre, each ``[height * width]``, row by row."""
    row, column = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return column.reshape(-1), row.reshape(-1)


def camera_rays(
    camera: Camera,
    rotation: Tensor,
    translation: Tensor,
    centre: tuple[float, ...] = (0.0, 0.0, 0.0),
    radius: float = 1.0,
) -> Rays:
    """Rays of one head pose (to camera: ``rotation [3, 3]``, ``translation [3]`` dm), in a field's frame."""
    column, row = pixel_grid(camera.height, camera.width)
    x, y = (column - camera.width / 2) / camera.focal, (camera.height / 2 - row) / camera.focal
    seen = torch.nn.functional.normalize(torch.stack([x, y, -torch.ones_like(x)], -1), dim=-1)
    origin = (-translation @ rotation - torch.tensor(centre)) / radius
    return Rays(origin.expand(len(seen), 3), seen @ rotation)


def official_rays(pose: Tensor, size: int) -> Rays:
    """Rays of an instant-ngp camera-to-world ``pose [4, 4]`` for a square image of ``size`` pixels."""
    scale = size / (2 * OFFICIAL_CENTRE)
    column, row = pixel_grid(size, size)
    focal, centre = OFFICIAL_FOCAL * scale, size / 2
    seen = torch.stack([(column - centre) / focal, (row - centre) / focal, torch.ones_like(column)], -1)
    seen = seen / seen.norm(dim=-1, keepdim=True)
    return Rays(pose[:3, 3].expand(len(seen), 3), seen @ pose[:3, :3].T)


def resized(camera: Camera, size: int) -> Camera:
    """The same view with ``size`` rows."""
    return Camera(camera.focal * size / camera.height, round(camera.width * size / camera.height), size)
