"""Samples along rays into colour, opacity and depth (emission and absorption), as in training."""

from typing import NamedTuple

import torch
from torch import Tensor

from emogene.reference.radnerf.marching import Samples


class Rendered(NamedTuple):
    """What rays see of the field, before anything behind it."""

    image: Tensor
    """``[R, 3]`` colour times opacity."""
    weights: Tensor
    """``[R]`` opacity."""
    depth: Tensor
    """``[R]`` weighted distance at the ends of the steps."""


def composite(sigma: Tensor, colour: Tensor, samples: Samples, threshold: float = 1e-4) -> Rendered:
    """``sigma [M]``, ``colour [M, 3]`` of packed samples -> what each ray sees, differentiable.

    alpha = 1 - exp(-sigma step), weight = alpha * transmittance; a ray ends when the transmittance falls
    below ``threshold``.
    """
    weight = _weights(sigma, samples, threshold)

    def total(values: Tensor) -> Tensor:
        return values.new_zeros(len(samples.first) - 1, *values.shape[1:]).index_add(0, samples.ray, values)

    return Rendered(total(weight[:, None] * colour), total(weight), total(weight * samples.end))


def _weights(sigma: Tensor, samples: Samples, threshold: float) -> Tensor:
    """What each sample contributes to its ray, ``[M]``."""
    optical = sigma * samples.step
    before = optical.double().cumsum(0) - optical
    start = torch.cat([before, before.new_zeros(1)])[samples.first[:-1]]
    left = torch.exp(start[samples.ray] - before).to(sigma.dtype)
    return torch.where(left < threshold, 0, (1 - torch.exp(-optical)) * left)
