"""What a head looks like along rays: march, ask the field, accumulate front to back.

The kernels of the CPU go round by round, which spares what lies behind a surface; plain PyTorch, on any
device, does all samples at once and is the kernels' oracle.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emogene.reference.radnerf.backend import Backend, by_kernels
from emogene.reference.radnerf.field import HeadField
from emogene.reference.radnerf.frozen import FrozenHead, HeadFrame
from emogene.reference.radnerf.marching import Occupancy, Samples, march, near_far
from emogene.reference.radnerf.rays import Rays

CHUNK = 8192  # points that go through the networks at once: their activations stay in the CPU's cache
WIDE_CHUNK = 2**17  # the same elsewhere: enough to fill a GPU, little for its memory
MOST_IN_ROUND = 8  # samples of a ray that are computed before it is asked whether it has ended
THRESHOLD = 0.01  # transmittance
GRAIN = 512  # chunks are padded to multiples of this: oneDNN keeps compiled code for every size it has met


class HeadLayer(NamedTuple):
    """The head alone, per ray."""

    image: Tensor
    """``[R, 3]`` colour times opacity."""
    opacity: Tensor
    """``[R]``"""
    depth: Tensor
    """``[R]``, 0 at the entry of the head's box and 1 at the exit."""
    samples: int
    """How many points were computed."""


class _Cast(NamedTuple):
    """Rays on their way through one frame."""

    rays: Rays
    near: Tensor
    """``[R]``: where each ray enters the head's box."""
    far: Tensor
    """``[R]``: where it leaves it."""
    frame: HeadFrame
    view: Tensor
    """``[R, codes]``: what varies with the direction."""


class Caster:
    """Casts rays at a head, on the device that it is on.

    ``threshold``: rays end below this transmittance. ``backend``: the kernels, or plain PyTorch.
    """

    def __init__(
        self, field: HeadField, dtype: torch.dtype, threshold: float = THRESHOLD, backend: Backend = "auto"
    ) -> None:
        self.threshold = np.float32(threshold)
        self.head, self.config = FrozenHead(field, dtype), field.config
        self.box, self.occupancy = field.aabb_infer, Occupancy(field.density_bitfield)
        self.rounds = by_kernels(backend, self.box)
        self.chunk = CHUNK if self.box.device.type == "cpu" else WIDE_CHUNK

    def __call__(self, rays: Rays, condition: Tensor) -> HeadLayer:
        """``condition [1, width]``: :meth:`HeadField.condition`."""
        near, far = near_far(rays.origin, rays.direction, self.box)
        frame, view = self.head.frame(condition), self.head.view_codes(rays.direction)
        cast = _Cast(rays, near, far, frame, view)
        seen = self._in_rounds(cast) if self.rounds else self._at_once(cast)
        depth = ((seen.depth - near).clamp_min(0) / (far - near)).nan_to_num(0)
        return seen._replace(depth=depth)

    def _in_rounds(self, cast: _Cast) -> HeadLayer:
        """By the CPU's kernels, as many samples a round as the rays still alive leave room for. Depths are
        distances."""
        from emogene.reference.radnerf import marching_cpu

        count = len(cast.near)
        image, weights, depth = torch.zeros(count, 3), torch.zeros(count), torch.zeros(count)
        start, alive, taken, total = cast.near.clone(), torch.nonzero(cast.near < cast.far)[:, 0], 0, 0
        while taken < self.config.max_steps and len(alive):
            limit = self._round(count, len(alive), taken)
            taken += limit
            samples = march(
                origin=cast.rays.origin[alive],
                direction=cast.rays.direction[alive],
                start=start[alive],
                far=cast.far[alive],
                occupancy=self.occupancy,
                rule=self.config.rule,
                limit=limit,
                backend="numba",
            )
            total += len(samples)
            sigma, colour = self._points(samples.position, alive[samples.ray], cast)
            rest = torch.empty_like(alive)
            going = marching_cpu.accumulate(
                sigma=sigma.numpy(),
                colour=colour.numpy(),
                step=samples.step.numpy(),
                end=samples.end.numpy(),
                first=samples.first.numpy(),
                limit=limit,
                threshold=self.threshold,
                rays=alive.numpy(),
                weights=weights.numpy(),
                image=image.numpy(),
                depth=depth.numpy(),
                start=start.numpy(),
                alive=rest.numpy(),
            )
            alive = rest[:going]
        return HeadLayer(image, weights, depth, total)

    def _at_once(self, cast: _Cast) -> HeadLayer:
        """By PyTorch: what :meth:`_in_rounds` gives, from samples ``[R, most]`` side by side."""
        most = self.config.max_steps + MOST_IN_ROUND  # no round goes further
        samples = march(
            origin=cast.rays.origin,
            direction=cast.rays.direction,
            start=cast.near,
            far=cast.far,
            occupancy=self.occupancy,
            rule=self.config.rule,
            limit=most,
            backend="reference",
        )
        sigma, colour = self._points(samples.position, samples.ray, cast)
        side_by_side = _SideBySide(samples, most)
        weight = self._weights(side_by_side(sigma * samples.step), samples.first.diff())
        image = (weight[..., None] * side_by_side(colour)).sum(1)
        depth = (weight * side_by_side(samples.end)).sum(1)
        return HeadLayer(image, weight.sum(1), depth, len(samples))

    def _weights(self, optical: Tensor, number: Tensor) -> Tensor:
        """What each sample contributes to its ray, ``[R, most]``, of ``optical [R, most]`` depths (density
        times step), the first ``number [R]`` of which are samples."""
        left = torch.exp(-F.pad(optical[:, :-1].cumsum(1), (1, 0)))  # transmittance before each sample
        column = torch.arange(optical.shape[1], device=optical.device)
        through = (left >= float(self.threshold)) & (column < number[:, None])
        lasts = through.sum(1)  # samples before the one that ends the ray
        used = (column <= lasts[:, None]) & (column < self._taken(lasts))
        return torch.where(used, left - left * torch.exp(-optical), 0)

    def _taken(self, lasts: Tensor) -> int:
        """How many samples the rounds take of a ray at most, if rays end after ``lasts [R]`` samples."""
        going = torch.bincount(lasts).flip(0).cumsum(0).flip(0).tolist()  # rays that go on after k samples
        taken = 0
        while taken < self.config.max_steps and taken < len(going):
            taken += self._round(len(lasts), going[taken], taken)
        return taken

    def _round(self, rays: int, alive: int, taken: int) -> int:
        """Samples of the next round, when ``alive`` rays have ``taken`` samples behind them."""
        return min(rays // alive, MOST_IN_ROUND) if taken else 1

    def _points(self, position: Tensor, ray: Tensor, cast: _Cast) -> tuple[Tensor, Tensor]:
        """Density ``[M]`` and colour ``[M, 3]`` of ``position [M, 3]`` on ``ray [M]``."""
        count, padding = len(position), -len(position) % GRAIN
        position, ray = F.pad(position, (0, 0, 0, padding)), F.pad(ray, (0, padding))
        sigma, colour = position.new_empty(len(position)), torch.empty_like(position)
        for first in range(0, len(position), self.chunk):
            part = slice(first, first + self.chunk)
            sigma[part], colour[part] = self.head(position[part], cast.view[ray[part]], cast.frame)
        return sigma[:count], colour[:count]


class _SideBySide:
    """Packed samples as a table: ``[M, ...] -> [R, most, ...]``, zero where a ray has fewer."""

    def __init__(self, samples: Samples, most: int) -> None:
        self.ray, self.shape = samples.ray, (len(samples.first) - 1, most)
        self.place = torch.arange(len(samples), device=self.ray.device) - samples.first[self.ray]

    def __call__(self, values: Tensor) -> Tensor:
        return values.new_zeros(*self.shape, *values.shape[1:]).index_put((self.ray, self.place), values)
