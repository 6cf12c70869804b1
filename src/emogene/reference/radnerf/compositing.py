"""Samples along rays into colour, opacity and depth (emission and absorption)."""

from typing import NamedTuple

import torch
from torch import Tensor

from emogene.reference.radnerf.backend import Backend, by_kernels
from emogene.reference.radnerf.marching import Samples


class Rendered(NamedTuple):
    """What rays see of the field, before anything behind it."""

    image: Tensor
    """``[R, 3]`` colour times opacity."""
    weights: Tensor
    """``[R]`` opacity."""
    depth: Tensor
    """``[R]`` weighted distance at the ends of the steps."""


def sample_weights(sigma: Tensor, samples: Samples, threshold: float = 0.0) -> Tensor:
    """What each sample contributes to its ray, ``[M]``; differentiable, on any device."""
    optical = sigma * samples.step
    before = optical.double().cumsum(0) - optical
    start = torch.cat([before, before.new_zeros(1)])[samples.first[:-1]]
    left = torch.exp(start[samples.ray] - before).to(sigma.dtype)
    return torch.where(left < threshold, 0, (1 - torch.exp(-optical)) * left)


def composite_reference(sigma: Tensor, colour: Tensor, samples: Samples, threshold: float = 1e-4) -> Rendered:
    """Plain PyTorch, differentiable, the oracle of the kernel. See :func:`composite`."""
    weight = sample_weights(sigma, samples, threshold)

    def total(values: Tensor) -> Tensor:
        return values.new_zeros(len(samples.first) - 1, *values.shape[1:]).index_add(0, samples.ray, values)

    return Rendered(total(weight[:, None] * colour), total(weight), total(weight * samples.end))


class _Composite(torch.autograd.Function):
    """The numba kernels as one differentiable operation."""

    @staticmethod
    def forward(ctx, sigma, colour, step, end, first, threshold):
        from emogene.reference.radnerf import marching_cpu

        rays = len(first) - 1
        image, weights, depth = torch.empty(rays, 3), torch.empty(rays), torch.empty(rays)
        marching_cpu.composite(
            sigma=sigma.contiguous().numpy(),
            colour=colour.contiguous().numpy(),
            step=step.contiguous().numpy(),
            end=end.contiguous().numpy(),
            first=first.numpy(),
            threshold=threshold,
            weights=weights.numpy(),
            image=image.numpy(),
            depth=depth.numpy(),
        )
        ctx.save_for_backward(sigma, colour, step, end, first, weights, image, depth)
        ctx.threshold = threshold
        return image, weights, depth

    @staticmethod
    def backward(ctx, *grads):
        from emogene.reference.radnerf import marching_cpu

        sigma, colour, step, end, first, weights, image, depth = (
            x.contiguous().numpy() for x in ctx.saved_tensors
        )
        grad_image, grad_weights, grad_depth = (g.contiguous().numpy() for g in grads)
        grad_sigma, grad_colour = torch.zeros(len(sigma)), torch.zeros(len(sigma), 3)
        marching_cpu.composite_backward(
            sigma=sigma,
            colour=colour,
            step=step,
            end=end,
            first=first,
            threshold=ctx.threshold,
            weights=weights,
            image=image,
            depth=depth,
            grad_weights=grad_weights,
            grad_image=grad_image,
            grad_depth=grad_depth,
            grad_sigma=grad_sigma.numpy(),
            grad_colour=grad_colour.numpy(),
        )
        return grad_sigma, grad_colour, None, None, None, None


def composite(
    sigma: Tensor, colour: Tensor, samples: Samples, threshold: float = 1e-4, backend: Backend = "auto"
) -> Rendered:
    """``sigma [M]``, ``colour [M, 3]`` of packed samples -> what each ray sees, differentiable.

    alpha = 1 - exp(-sigma step), weight = alpha * transmittance; a ray ends when the transmittance falls
    below ``threshold``.
    """
    if not by_kernels(backend, samples.step):
        return composite_reference(sigma, colour, samples, threshold)
    sigma, colour = sigma.float(), colour.float()
    image, weights, depth = _Composite.apply(  # pyright: ignore[reportGeneralTypeIssues]
        sigma, colour, samples.step, samples.end, samples.first, threshold
    )
    return Rendered(image, weights, depth)
