"""Directions as spherical harmonics, coordinates as sines and cosines. Differentiable, on any device."""

import math

import torch
from torch import Tensor

SH_CONSTANT = 0.28209479177387814  # the first of them
SH_WIDTH = 16


def spherical_harmonics(direction: Tensor) -> Tensor:
    """Real spherical harmonics of unit vectors, four bands: ``[N, 3] -> [N, SH_WIDTH]``.

    Signs follow instant-ngp (the second is -.4886 y).
    """
    x, y, z = direction.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    terms = [
        torch.full_like(x, SH_CONSTANT),
        -0.48860251190291987 * y,
        0.48860251190291987 * z,
        -0.48860251190291987 * x,
        1.0925484305920792 * x * y,
        -1.0925484305920792 * y * z,
        0.94617469575756 * zz - 0.31539156525252005,
        -1.0925484305920792 * x * z,
        0.54627421529603959 * (xx - yy),
        0.59004358992664352 * y * (yy - 3 * xx),
        2.8906114426405538 * x * y * z,
        0.45704579946446572 * y * (1 - 5 * zz),
        0.3731763325901154 * z * (5 * zz - 3),
        0.45704579946446572 * x * (1 - 5 * zz),
        1.4453057213202769 * z * (xx - yy),
        0.59004358992664352 * x * (3 * yy - xx),
    ]
    return torch.stack(terms, -1)


def frequency_width(dimensions: int, octaves: int) -> int:
    return dimensions * (1 + 2 * octaves)


def frequency(x: Tensor, octaves: int) -> Tensor:
    """``[x, sin x, cos x, sin 2x, cos 2x, ...]`` in blocks of D: ``[N, D] -> [N, D (1 + 2 octaves)]``.

    The cosine is a sine shifted by pi / 2, as in the kernel that the official networks were trained with.
    """
    parts = [x]
    for octave in range(octaves):
        parts += [torch.sin(x * 2**octave), torch.sin(x * 2**octave + math.pi / 2)]
    return torch.cat(parts, -1)
