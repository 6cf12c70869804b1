"""From conditions and poses to pictures: head over torso over background, then super-resolution."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emogene.motion2video import marching_cpu
from emogene.motion2video.field import HeadField
from emogene.motion2video.frozen import FrozenHead, FrozenTorso, HeadFrame, best_dtype
from emogene.motion2video.marching import Occupancy, march, near_far
from emogene.motion2video.rays import Rays
from emogene.motion2video.superres import Noise, SuperResolution
from emogene.motion2video.torso import TorsoField, pixel_coordinates
from emogene.motion2video.warp import Warp

CHUNK = 8192  # points that go through the networks at once: their activations stay in the cache
ROUND = 12  # samples of a ray that are computed before it is asked whether it has ended
GRAIN = 512  # chunks are padded to multiples of this: oneDNN keeps compiled code for every size it has met


@dataclass(frozen=True)
class Portrait:
    """The networks of one person."""

    head: HeadField
    torso: TorsoField | None = None
    superres: SuperResolution | None = None


@dataclass(frozen=True)
class FrameState:
    """All that changes from frame to frame."""

    rays: Rays
    condition: Tensor
    """``[1, width]``: :meth:`HeadField.condition`."""
    torso_condition: Tensor | None = None
    """Pose ``[1, 6]`` or landmarks ``[1, 136]``."""
    warp: Warp | None = None


class Layers(NamedTuple):
    """A frame before super-resolution, pixels row by row."""

    image: Tensor
    """``[P, 3]`` in 0..1: head over torso over background."""
    head: Tensor
    """``[P]`` opacity of the head."""
    depth: Tensor
    """``[P]`` of the head, 0 at the entry of its box and 1 at the exit."""
    torso: Tensor
    """``[P]`` opacity of the torso."""
    samples: int
    """How many points of the head were computed."""


class Renderer:
    """Renders a :class:`Portrait` at one size, on the CPU.

    ``size``: rows and columns of the field's image (super-resolution doubles them). ``background``:
    ``[size * size, 3]`` in 0..1, or one colour ``[3]``. ``threshold``: rays end below this transmittance (and
    count as opaque then, in a direct head; official ones stay as they are). ``dtype`` of the networks:
    bfloat16 where the CPU has it, if not given. Frames do not depend on each other or on ``threads``.
    """

    def __init__(
        self,
        portrait: Portrait,
        size: int,
        background: Tensor,
        dtype: torch.dtype | None = None,
        threshold: float | None = None,
    ) -> None:
        self.size = size
        self.solid = portrait.head.config.direct
        self.threshold = np.float32((0.05 if self.solid else 0.01) if threshold is None else threshold)
        self.dtype = dtype or best_dtype()
        self.background = background.float().expand(size * size, 3)
        self.head = FrozenHead(portrait.head, self.dtype)
        self.box = portrait.head.aabb_infer
        self.occupancy: Occupancy = portrait.head.occupancy
        pixels = pixel_coordinates(size, size)
        self.torso = None if portrait.torso is None else FrozenTorso(portrait.torso, pixels, self.dtype)
        self.superres = portrait.superres

    @torch.no_grad()
    def layers(self, state: FrameState, pool: ThreadPoolExecutor | None = None) -> Layers:
        """One frame at the field's own size; ``pool`` shares the points of the head among its threads."""
        image, opacity, depth, samples = self.head_layer(state, pool)
        behind, alpha = self.background, torch.zeros(len(opacity))
        if self.torso is not None and state.torso_condition is not None:
            seen = torch.cat([image, opacity[:, None]], -1)
            share, color = self.torso(state.torso_condition, seen)
            behind = behind.clone()
            behind[self.torso.visible] = color * share + behind[self.torso.visible] * (1 - share)
            alpha[self.torso.visible] = share[:, 0]
        image = (image + (1 - opacity)[:, None] * behind).clamp_(0, 1)
        return Layers(image, opacity, depth, alpha, samples)

    def head_layer(
        self, state: FrameState, pool: ThreadPoolExecutor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        """The head's colour times opacity ``[P, 3]``, opacity, depth, and how many points were computed.

        Rays are marched in rounds: official ones by as many samples as those still alive leave room for, ours
        by most that a ray meets, because samples in order along the rays stay in the cache.
        """
        head, config, rays = self.head, self.head.config, state.rays
        frame, view = head.frame(state.condition), head.view_codes(rays.direction)
        near, far = near_far(*rays, self.box, config.nearest)
        count = len(near)
        image, weights, depth = torch.zeros(count, 3), torch.zeros(count), torch.zeros(count)
        start, alive, taken, total = near.clone(), torch.nonzero(near < far)[:, 0], 0, 0
        while taken < config.max_steps and len(alive):
            limit = ROUND if self.solid else self._official_round(count, len(alive), taken)
            taken += limit
            origin, direction = rays.origin[alive], rays.direction[alive]
            samples = march(
                *(origin, direction, start[alive], far[alive], self.occupancy, config.rule, limit, state.warp)
            )
            total += len(samples)
            sigma, color = self._points(samples.position, view, alive[samples.ray], frame, pool)
            rest = torch.empty_like(alive)
            going = marching_cpu.accumulate(
                *(x.numpy() for x in (sigma, color, samples.step, samples.end, samples.first)),
                *(limit, self.threshold, self.solid),
                *(x.numpy() for x in (alive, weights, image, depth, start, rest)),
            )
            alive = rest[:going]
        depth = ((depth - near).clamp_min(0) / (far - near)).nan_to_num(0)
        return image, weights, depth, total

    @staticmethod
    def _official_round(rays: int, alive: int, taken: int) -> int:
        return min(rays // alive, 8) if taken else 1

    def _points(
        self, position: Tensor, view: Tensor, ray: Tensor, frame: HeadFrame, pool: ThreadPoolExecutor | None
    ) -> tuple[Tensor, Tensor]:
        count, padding = len(position), -len(position) % GRAIN
        position, ray = F.pad(position, (0, 0, 0, padding)), F.pad(ray, (0, padding))
        sigma, color = torch.empty(len(position)), torch.empty(len(position), 3)

        def run(first: int) -> None:
            part = slice(first, first + CHUNK)
            codes = view[ray[part]] if view.shape[1] else view
            sigma[part], color[part] = self.head(position[part], codes, frame)

        list((pool.map if pool else map)(run, range(0, len(position), CHUNK)))
        return sigma[:count], color[:count]

    @torch.no_grad()
    def enlarge(self, image: Tensor, noise: Noise = "none") -> Tensor:
        """``[size * size, 3]`` in 0..1 -> ``[3, H, W]``: twice the size if there is super-resolution."""
        picture = image.T.reshape(1, 3, self.size, self.size)
        if self.superres is None:
            return picture[0]
        return self.superres(picture, noise, dtype=self.dtype)[0]

    def frame(self, state: FrameState, pool: ThreadPoolExecutor | None = None) -> np.ndarray:
        """One picture, uint8 ``[H, W, 3]``."""
        picture = self.enlarge(self.layers(state, pool).image)
        return (picture.clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()

    def frames(self, states: Iterable[FrameState], threads: int = 2) -> Iterator[np.ndarray]:
        """Pictures in order, each rendered by one thread, ``threads`` at a time; memory does not grow.

        A thread makes the states too: on the calling thread PyTorch shares small operations among threads of
        its own, which spin in between and would take a third of the time.
        """
        single = {"initializer": torch.set_num_threads, "initargs": (1,)}
        with ThreadPoolExecutor(1, **single) as maker, ThreadPoolExecutor(threads, **single) as pool:
            source, waiting = iter(states), deque[Future[np.ndarray]]()
            while (state := maker.submit(next, source, None).result()) is not None:
                waiting.append(pool.submit(self.frame, state))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
