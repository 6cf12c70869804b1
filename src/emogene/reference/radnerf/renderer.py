"""From conditions and poses to pictures: head over torso over background, then super-resolution."""

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.casting import THRESHOLD, Caster, HeadLayer
from emogene.reference.radnerf.field import HeadField
from emogene.reference.radnerf.frozen import FrozenTorso
from emogene.reference.radnerf.grid import GridEncoding
from emogene.reference.radnerf.rays import Rays
from emogene.reference.radnerf.superres import SuperResolution
from emogene.reference.radnerf.torso import TorsoField, pixel_coordinates
from emogene.workers import workers

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Portrait:
    """The networks of one person."""

    head: HeadField
    torso: TorsoField | None = None
    superres: SuperResolution | None = None

    def on(self, device: torch.device, backend: Backend = "auto") -> "Portrait":
        """The same networks on ``device``, with grids by ``backend``: copies, where anything changes."""
        if device.type == "cpu" and backend == "auto":
            return self
        return Portrait(
            _moved(self.head, device, backend),
            None if self.torso is None else _moved(self.torso, device, backend),
            None if self.superres is None else _moved(self.superres, device, backend),
        )


def _moved(module: M, device: torch.device, backend: Backend) -> M:
    module = copy.deepcopy(module).to(device)
    for part in module.modules():
        if isinstance(part, GridEncoding):
            part.backend = backend
    return module


@dataclass(frozen=True)
class FrameState:
    """All that changes from frame to frame."""

    rays: Rays
    condition: Tensor
    """``[1, width]``: :meth:`HeadField.condition`."""
    torso_condition: Tensor | None = None
    """Pose ``[1, 6]`` or landmarks ``[1, 136]``."""

    def to(self, device: torch.device) -> "FrameState":
        return FrameState(
            Rays(self.rays.origin.to(device), self.rays.direction.to(device)),
            self.condition.to(device),
            None if self.torso_condition is None else self.torso_condition.to(device),
        )


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
    """Renders a :class:`Portrait` at one size.

    ``size``: rows and columns of the field's image (super-resolution doubles them). ``background``:
    ``[size * size, 3]`` in 0..1, or one colour ``[3]``. ``dtype`` of the networks. ``threshold``: see
    :class:`Caster`. ``device``: where to compute; ``backend`` "auto" takes the kernels on the CPU and plain
    PyTorch elsewhere. Frames do not depend on each other.
    """

    def __init__(
        self,
        portrait: Portrait,
        size: int,
        background: Tensor,
        dtype: torch.dtype = torch.float32,
        threshold: float = THRESHOLD,
        device: torch.device | str = "cpu",
        backend: Backend = "auto",
    ) -> None:
        self.size, self.dtype, self.device = size, dtype, torch.device(device)
        self.background = background.float().to(self.device).expand(size * size, 3)
        portrait = portrait.on(self.device, backend)
        self.caster = Caster(portrait.head, self.dtype, threshold, backend)
        pixels = pixel_coordinates(size, size).to(self.device)
        self.torso = None if portrait.torso is None else FrozenTorso(portrait.torso, pixels, self.dtype)
        self.superres = portrait.superres

    @torch.no_grad()
    def layers(self, state: FrameState) -> Layers:
        """One frame at the field's own size."""
        state = state.to(self.device)
        head = self.head_layer(state)
        behind, alpha = self.background, torch.zeros_like(head.opacity)
        if self.torso is not None and state.torso_condition is not None:
            seen = torch.cat([head.image, head.opacity[:, None]], -1)
            share, colour = self.torso(state.torso_condition, seen)
            behind = behind.clone()
            behind[self.torso.visible] = colour * share + behind[self.torso.visible] * (1 - share)
            alpha[self.torso.visible] = share[:, 0]
        image = (head.image + (1 - head.opacity)[:, None] * behind).clamp_(0, 1)
        return Layers(image, head.opacity, head.depth, alpha, head.samples)

    def head_layer(self, state: FrameState) -> HeadLayer:
        """The head alone: see :class:`Caster`."""
        return self.caster(state.rays, state.condition)

    @torch.no_grad()
    def enlarge(self, image: Tensor) -> Tensor:
        """``[size * size, 3]`` in 0..1 -> ``[3, H, W]``: twice the size if there is super-resolution."""
        picture = image.T.reshape(1, 3, self.size, self.size)
        if self.superres is None:
            return picture[0]
        with _exact(self.device):
            return self.superres(picture, dtype=self.dtype)[0]

    def frame(self, state: FrameState) -> np.ndarray:
        """One picture, uint8 ``[H, W, 3]``."""
        picture = self.enlarge(self.layers(state).image).clamp(0, 1)
        return (picture * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()

    def frames(self, states: Iterable[FrameState], threads: int = 1) -> Iterator[np.ndarray]:
        """Pictures in order, each by one thread, on a CPU ``threads`` at a time; memory does not grow.

        The states are made by the same threads. While the caller has a picture, one thread fewer is busy.
        """
        threads = threads if self.device.type == "cpu" else 1
        with workers(threads) as pool:
            source, waiting = iter(states), deque[Future[np.ndarray]]()
            while (state := pool.submit(next, source, None).result()) is not None:
                waiting.append(pool.submit(self.frame, state))
                if len(waiting) == threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def _exact(device: torch.device) -> AbstractContextManager[None]:
    """Convolutions in true float32, where cuDNN would round to 10 bits (TF32)."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
