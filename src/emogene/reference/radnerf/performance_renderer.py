"""What the renderers of radiance fields share: a performance in, pictures of the wanted size out."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from emogene.device import choose_device, choose_threads
from emogene.errors import EmoGeneError
from emogene.performance import Performance
from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.renderer import FrameState, Portrait, Renderer
from emogene.video.background import Background, read_background

SMALLEST = 64  # pixels


@dataclass(frozen=True)
class RenderConfig:
    """What is to be seen, and where it is computed."""

    size: int = 512
    """Rows and columns of the pictures."""
    background: Background = None
    """A colour ("white", "#8090a0"), an image file or uint8 ``[H, W, 3 or 4]``; the avatar's own if None, and
    where it is transparent."""
    device: str = "auto"
    """auto (CUDA where there is one), cpu or cuda."""
    threads: int | None = None
    """Of the CPU, each with a frame of its own; as many as there are cores for us if None."""
    dtype: torch.dtype | None = None
    """Of the networks: bfloat16 on a CPU that multiplies it, else float32, if None."""
    backend: Backend = "auto"


class PerformanceRenderer(ABC):
    """Pictures of a portrait that was trained at ``native`` pixels, over the avatar's ``own`` background.

    The fields are never asked for more pixels than they were trained at; super-resolution only serves
    pictures that are larger.
    """

    def __init__(self, portrait: Portrait, native: int, own: np.ndarray, config: RenderConfig) -> None:
        if config.size < SMALLEST:
            raise EmoGeneError(f"the picture must be at least {SMALLEST} pixels, not {config.size}.")
        self.size, self.threads = config.size, choose_threads(config.threads)
        enlarge = config.size > native and portrait.superres is not None
        inner = native if enlarge else min(config.size, native)
        behind = torch.tensor(read_background(config.background, inner, own)) / 255
        self.fields = Renderer(
            portrait=portrait if enlarge else Portrait(portrait.head, portrait.torso),
            size=inner,
            background=behind.reshape(-1, 3),
            dtype=config.dtype,
            device=choose_device(config.device),
            backend=config.backend,
        )

    def frames(self, performances: Iterable[Performance]) -> Iterator[np.ndarray]:
        """One picture, uint8 ``[size, size, 3]`` sRGB, per frame of stretches that follow each other. They
        are rendered as they are asked for; nothing is added to what a performance says."""
        return self.pictures(self.states(performances))

    @abstractmethod
    def states(self, performances: Iterable[Performance]) -> Iterator[FrameState]:
        """What the networks are given, frame by frame."""

    def pictures(self, states: Iterable[FrameState]) -> Iterator[np.ndarray]:
        """uint8 ``[size, size, 3]`` of each state."""
        for picture in self.fields.frames(states, self.threads):
            yield picture if len(picture) == self.size else _scaled(picture, self.size)


def _scaled(picture: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS))
