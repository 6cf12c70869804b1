"""What a head looks like along rays: march, ask the field, accumulate front to back.

The kernels of the CPU go round by round, which spares what lies behind a surface; plain PyTorch, on any
device, does all samples at once and is the kernels' oracle.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emogene.motion2video import marching_cpu
from emogene.motion2video.field import HeadField
from emogene.motion2video.frozen import FrozenHead, HeadFrame
from emogene.motion2video.grid import Backend
from emogene.motion2video.marching import Occupancy, Samples, march, near_far
from emogene.motion2video.rays import Rays
from emogene.motion2video.warp import Warp

CHUNK = 8192  # points that go through the networks at once: their activations stay in the CPU's cache
WIDE_CHUNK = 2**17  # the same elsewhere: enough to fill a GPU, little for its memory
ROUND = 12  # samples of a ray that are computed before it is asked whether it has ended
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


class Caster:
    """Casts rays at a head, on the device that it is on.

    ``threshold``: rays end below this transmittance; those of a direct head then count as opaque, official
    ones stay as they are. ``backend``: the kernels, or plain PyTorch.
    """

    def __init__(
        self, field: HeadField, dtype: torch.dtype, threshold: float | None = None, backend: Backend = "auto"
    ) -> None:
        self.solid = field.config.direct
        self.threshold = np.float32((0.05 if self.solid else 0.01) if threshold is None else threshold)
        self.head, self.config = FrozenHead(field, dtype), field.config
        self.box, self.occupancy = field.aabb_infer, Occupancy(field.density_bitfield)
        on_cpu = self.box.device.type == "cpu"
        self.rounds = backend == "numba" or (backend == "auto" and on_cpu)
        self.chunk = CHUNK if on_cpu else WIDE_CHUNK

    def __call__(
        self, rays: Rays, condition: Tensor, warp: Warp | None = None, pool: ThreadPoolExecutor | None = None
    ) -> HeadLayer:
        """``condition [1, width]``: :meth:`HeadField.condition`; ``pool``: threads that share the points."""
        frame, view = self.head.frame(condition), self.head.view_codes(rays.direction)
        near, far = near_far(*rays, self.box, self.config.nearest)
        cast = self._in_rounds if self.rounds else self._at_once
        image, opacity, depth, total = cast(rays, near, far, warp, frame, view, pool)
        depth = ((depth - near).clamp_min(0) / (far - near)).nan_to_num(0)
        return HeadLayer(image, opacity, depth, total)

    def _in_rounds(
        self,
        rays: Rays,
        near: Tensor,
        far: Tensor,
        warp: Warp | None,
        frame: HeadFrame,
        view: Tensor,
        pool: ThreadPoolExecutor | None,
    ) -> HeadLayer:
        """By the CPU's kernels: official rays by as many samples as those still alive leave room for, ours by
        most that a ray meets, because samples in order along the rays stay in the cache."""
        count = len(near)
        image, weights, depth = torch.zeros(count, 3), torch.zeros(count), torch.zeros(count)
        start, alive, taken, total = near.clone(), torch.nonzero(near < far)[:, 0], 0, 0
        while taken < self.config.max_steps and len(alive):
            limit = self._round(count, len(alive), taken)
            taken += limit
            samples = self._march(rays, start, far, warp, limit, alive)
            total += len(samples)
            sigma, color = self._points(samples.position, view, alive[samples.ray], frame, pool)
            rest = torch.empty_like(alive)
            going = marching_cpu.accumulate(
                *(x.numpy() for x in (sigma, color, samples.step, samples.end, samples.first)),
                *(limit, self.threshold, self.solid),
                *(x.numpy() for x in (alive, weights, image, depth, start, rest)),
            )
            alive = rest[:going]
        return HeadLayer(image, weights, depth, total)

    def _at_once(
        self,
        rays: Rays,
        near: Tensor,
        far: Tensor,
        warp: Warp | None,
        frame: HeadFrame,
        view: Tensor,
        pool: ThreadPoolExecutor | None,
    ) -> HeadLayer:
        """By PyTorch: what :meth:`_in_rounds` gives, from samples ``[R, most]`` side by side."""
        most = self.config.max_steps + ROUND  # no round goes further
        samples = self._march(rays, near, far, warp, most)
        sigma, color = self._points(samples.position, view, samples.ray, frame, pool)
        ray, number = samples.ray, samples.first.diff()
        place = torch.arange(len(samples), device=near.device) - samples.first[ray]

        def side_by_side(values: Tensor) -> Tensor:
            return values.new_zeros(len(near), most, *values.shape[1:]).index_put((ray, place), values)

        optical = side_by_side(sigma * samples.step)
        left = torch.exp(-F.pad(optical[:, :-1].cumsum(1), (1, 0)))  # transmittance before each sample
        behind = left * torch.exp(-optical) if self.solid else left
        column = torch.arange(most, device=near.device)
        ends = (behind < float(self.threshold)) & (column < number[:, None])
        lasts = ((column < number[:, None]) & ~ends).sum(1)  # samples before the one that ends the ray
        taken = self._taken(lasts)
        used = (column <= lasts[:, None]) & (column < taken)
        weight = torch.where(used, left - left * torch.exp(-optical), 0)
        if self.solid:
            closed = (ends & used).any(1, keepdim=True)
            weight = torch.where(closed, weight / weight.sum(1, keepdim=True), weight)
        image = (weight[..., None] * side_by_side(color)).sum(1)
        depth = (weight * side_by_side(samples.end)).sum(1)
        return HeadLayer(image, weight.sum(1), depth, len(samples))

    def _taken(self, lasts: Tensor) -> int:
        """How many samples the rounds take of a ray at most, if rays end after ``lasts [R]`` samples."""
        going = torch.bincount(lasts).flip(0).cumsum(0).flip(0).tolist()  # rays that go on after k samples
        taken = 0
        while taken < self.config.max_steps and taken < len(going):
            taken += self._round(len(lasts), going[taken], taken)
        return taken

    def _round(self, rays: int, alive: int, taken: int) -> int:
        """Samples of the next round, when ``alive`` rays have ``taken`` samples behind them."""
        if self.solid:
            return ROUND
        return min(rays // alive, 8) if taken else 1

    def _march(
        self,
        rays: Rays,
        start: Tensor,
        far: Tensor,
        warp: Warp | None,
        limit: int,
        chosen: Tensor | None = None,
    ) -> Samples:
        origin, direction = rays
        if chosen is not None:
            origin, direction, start, far = (x[chosen] for x in (origin, direction, start, far))
        place = self.occupancy, self.config.rule, limit, warp
        return march(origin, direction, start, far, *place, "numba" if self.rounds else "reference")

    def _points(
        self, position: Tensor, view: Tensor, ray: Tensor, frame: HeadFrame, pool: ThreadPoolExecutor | None
    ) -> tuple[Tensor, Tensor]:
        """Density ``[M]`` and colour ``[M, 3]`` of ``position [M, 3]`` on ``ray [M]``."""
        count, padding = len(position), -len(position) % GRAIN
        position, ray = F.pad(position, (0, 0, 0, padding)), F.pad(ray, (0, padding))
        sigma, color = position.new_empty(len(position)), torch.empty_like(position)

        def run(first: int) -> None:
            part = slice(first, first + self.chunk)
            codes = view[ray[part]] if view.shape[1] else view
            sigma[part], color[part] = self.head(position[part], codes, frame)

        list((pool.map if pool else map)(run, range(0, len(position), self.chunk)))
        return sigma[:count], color[:count]
