"""Where rays are sampled: the box, the occupancy bits, the step rule, and the march through them.

All in the field's own frame, where the occupancy grid fills the cube ``-1..1``.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from emogene.reference.radnerf.backend import Backend, by_kernels

BOX = (-1.0, -0.5, -1.0, 1.0, 0.5, 1.0)  # low and high corner of what rays cross
NEAREST = 0.05  # distance of a first sample from the camera
BLOCK = 4**3  # cells, a cube of them: neighbours in Morton order
SLAB = 2**15  # rays whose steps are held in memory together
MISS = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class StepRule:
    """Step at distance t: ``clamp(t * gamma, shortest, longest)``; the cube's half side is the unit."""

    shortest: float
    longest: float
    gamma: float = 0.0

    @staticmethod
    def official(max_steps: int = 16, grid_size: int = 128, gamma: float = 1 / 256) -> "StepRule":
        """The rule of RAD-NeRF; with 16 steps and 128 cells it is the constant 0.027."""
        longest = 2 * 3**0.5 / grid_size
        return StepRule(min(longest, 2 * 3**0.5 / max_steps), longest, gamma)

    def __call__(self, t: Tensor) -> Tensor:
        return (t * self.gamma).clamp(self.shortest, self.longest)


def _spread(v: Tensor) -> Tensor:
    """Two zero bits between the bits of a 10-bit number."""
    v = (v * 0x00010001) & 0xFF0000FF
    v = (v * 0x00000101) & 0x0F00F00F
    v = (v * 0x00000011) & 0xC30C30C3
    return (v * 0x00000005) & 0x49249249


def morton(cell: Tensor) -> Tensor:
    """``[..., 3]`` integer coordinates -> ``[...]`` int64 Morton index (x in the lowest bit)."""
    x, y, z = cell.long().unbind(-1)
    return _spread(x) | _spread(y) << 1 | _spread(z) << 2


def cells(position: Tensor, size: int) -> Tensor:
    """Points ``[..., 3]`` of the cube -> cells ``[..., 3]`` int64 of a ``size ** 3`` grid, clamped to it."""
    return (0.5 * (position + 1) * size).long().clamp(0, size - 1)


def pack_bits(occupied: Tensor) -> Tensor:
    """``[size ** 3]`` bool in Morton order -> ``[size ** 3 / 8]`` uint8, the lowest bit first."""
    place = (1 << torch.arange(8, device=occupied.device)).to(torch.uint8)
    return (occupied.reshape(-1, 8).to(torch.uint8) * place).sum(-1, dtype=torch.uint8)


@dataclass(frozen=True)
class Occupancy:
    """Which cells of the cube ``-1..1`` hold something: ``bits [size ** 3 / 8]`` uint8 in Morton order."""

    bits: Tensor

    @cached_property
    def size(self) -> int:
        return round((self.bits.numel() * 8) ** (1 / 3))

    @cached_property
    def blocks(self) -> Tensor:
        """``[size ** 3 / 64]`` uint8: which blocks of 4 x 4 x 4 cells are not empty, in Morton order."""
        return (self.bits.reshape(-1, BLOCK // 8) != 0).any(-1).to(torch.uint8)

    @cached_property
    def wide_blocks(self) -> Tensor:
        """The same of blocks of 4 x 4 x 4 such blocks."""
        return self.blocks.reshape(-1, min(BLOCK, len(self.blocks))).amax(-1)

    def __call__(self, position: Tensor) -> Tensor:
        """``[..., 3]`` points -> ``[...]`` bool."""
        index = morton(cells(position, self.size))
        return (self.bits[index >> 3] >> (index & 7).to(torch.uint8) & 1).bool()


@dataclass(frozen=True)
class Samples:
    """Points along rays, packed ray after ray: those of the i-th ray are ``first[i]..first[i + 1]``."""

    position: Tensor
    """``[M, 3]``"""
    step: Tensor
    """``[M]``: length of the step that the sample stands for."""
    end: Tensor
    """``[M]``: distance at the end of that step."""
    first: Tensor
    """``[rays + 1]`` int64."""

    def __len__(self) -> int:
        return len(self.step)

    @cached_property
    def ray(self) -> Tensor:
        """``[M]`` int64: the ray of each sample (its place among the marched rays)."""
        rays = torch.arange(len(self.first) - 1, device=self.first.device)
        return torch.repeat_interleave(rays, self.first.diff())


def near_far(origin: Tensor, direction: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave ``box [6]`` (low corner, high corner): ``[R, 3]`` twice -> two ``[R]``.

    Entry is at least ``NEAREST``. A ray that misses has both at the largest float32.
    """
    slope = 1 / direction
    a, b = (box[:3] - origin) * slope, (box[3:] - origin) * slope
    near = torch.minimum(a, b).amax(-1)
    far = torch.maximum(a, b).amin(-1)
    miss = near > far
    near = near.clamp_min(NEAREST)
    return torch.where(miss, MISS, near), torch.where(miss, MISS, far)


def march_reference(
    origin: Tensor,
    direction: Tensor,
    start: Tensor,
    far: Tensor,
    occupancy: Occupancy,
    rule: StepRule,
    limit: int,
) -> Samples:
    """Plain PyTorch march, the oracle of the kernel, on any device. See :func:`march`.

    All steps of ``SLAB`` rays are looked up at once.
    """
    slabs = [
        _march_slab(origin[rays], direction[rays], start[rays], far[rays], occupancy, rule, limit)
        for rays in _slabs(len(start))
    ]
    position, step, end, count = (torch.cat(parts) for parts in zip(*slabs, strict=True))
    return Samples(position, step, end, torch.nn.functional.pad(count.cumsum(0), (1, 0)))


def _slabs(rays: int) -> list[slice]:
    return [slice(first, first + SLAB) for first in range(0, max(rays, 1), SLAB)]


def _march_slab(
    origin: Tensor,
    direction: Tensor,
    start: Tensor,
    far: Tensor,
    occupancy: Occupancy,
    rule: StepRule,
    limit: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Position, step and end of the samples, ray after ray, and how many each ray has."""
    longest = (far - start).amax().item() if len(start) else 0
    t = [start]
    for _ in range(math.ceil(longest / rule.shortest)):
        t.append(t[-1] + rule(t[-1]))
    times = torch.stack(t, 1)
    ray, place = torch.nonzero(times < far[:, None], as_tuple=True)
    now = times[ray, place]
    position = (origin[ray] + now[:, None] * direction[ray]).clamp(-1, 1)
    hit = occupancy(position)
    ray, now, position = ray[hit], now[hit], position[hit]
    count = torch.bincount(ray, minlength=len(start))
    earlier = torch.arange(len(ray), device=ray.device) - (count.cumsum(0) - count)[ray]
    wanted = earlier < limit
    now, step = now[wanted], rule(now[wanted])
    return position[wanted], step, now + step, count.clamp_max(limit)


def march(
    origin: Tensor,
    direction: Tensor,
    start: Tensor,
    far: Tensor,
    occupancy: Occupancy,
    rule: StepRule,
    limit: int,
    backend: Backend = "auto",
) -> Samples:
    """At most ``limit`` samples per ray: where steps from ``start [R]`` to ``far [R]`` begin in full cells.

    ``origin, direction [R, 3]``, unit directions.
    """
    if not by_kernels(backend, origin):
        return march_reference(origin, direction, start, far, occupancy, rule, limit)
    from emogene.reference.radnerf import marching_cpu

    rays = len(start)
    samples = Samples(
        position=torch.empty(rays * limit, 3),
        step=torch.empty(rays * limit),
        end=torch.empty(rays * limit),
        first=torch.zeros(rays + 1, dtype=torch.int64),
    )
    marching_cpu.march(
        origin=origin.contiguous().numpy(),
        direction=direction.contiguous().numpy(),
        start=start.contiguous().numpy(),
        far=far.contiguous().numpy(),
        bits=occupancy.bits.numpy(),
        blocks=occupancy.blocks.numpy(),
        wide=occupancy.wide_blocks.numpy(),
        size=occupancy.size,
        shortest=np.float32(rule.shortest),
        longest=np.float32(rule.longest),
        gamma=np.float32(rule.gamma),
        limit=limit,
        position=samples.position.numpy(),
        step=samples.step.numpy(),
        end=samples.end.numpy(),
        first=samples.first.numpy(),
    )
    total = int(samples.first[-1])
    return Samples(samples.position[:total], samples.step[:total], samples.end[:total], samples.first)
