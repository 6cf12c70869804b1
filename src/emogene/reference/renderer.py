"""Performances to pictures as GeneFace++ renders them: its conditions, its camera, its blinks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from emogene.device import choose_device, choose_threads
from emogene.errors import EmoGeneError
from emogene.performance import Performance, in_blocks
from emogene.reference.condition import (
    SMOOTHED,
    EyeRange,
    LandmarkStatistics,
    blinked,
    head_condition,
    torso_landmarks,
    torso_pose,
)
from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.rays import official_rays
from emogene.reference.radnerf.renderer import FrameState, Portrait, Renderer
from emogene.video.background import Background, read_background

BLOCK = 250  # frames whose conditions are in memory together
SMALLEST = 64  # pixels


@dataclass(frozen=True)
class PoseTrack:
    """Head poses of the avatar's video, frame by frame.

    ``camera [N, 4, 4]``: camera to world in instant-ngp's convention, smoothed and scaled as the head field
    wants it; ``euler [N, 3]`` radians and ``trans [N, 3]`` (dm) as the dataset stores them (z minus 10).
    """

    camera: np.ndarray
    euler: np.ndarray
    trans: np.ndarray

    def __len__(self) -> int:
        return len(self.camera)


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
    dtype: torch.dtype = torch.float32
    """Of the networks."""
    backend: Backend = "auto"


class OfficialRenderer:
    """Shows landmarks that come without blinks, shut as the performance's blinks say, under the poses of the
    video that its head pose names; the arguments are those of :class:`OfficialAvatar`.

    The fields are never asked for more pixels than they were trained at; super-resolution only serves
    pictures that are larger.
    """

    def __init__(
        self,
        portrait: Portrait,
        native: int,
        mean_face: np.ndarray,
        statistics: LandmarkStatistics,
        eyes: EyeRange,
        track: PoseTrack,
        background: np.ndarray,
        config: RenderConfig,
    ) -> None:
        if config.size < SMALLEST:
            raise EmoGeneError(f"the picture must be at least {SMALLEST} pixels, not {config.size}.")
        self.head, self.torso = portrait.head, portrait.torso
        self.mean_face, self.statistics, self.eyes, self.track = mean_face, statistics, eyes, track
        self.size, self.threads = config.size, choose_threads(config.threads)
        enlarge = config.size > native and portrait.superres is not None
        inner = native if enlarge else min(config.size, native)
        behind = torch.tensor(read_background(config.background, inner, background)) / 255
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
        for picture in self.fields.frames(self.states(performances), self.threads):
            yield picture if len(picture) == self.size else _scaled(picture, self.size)

    def states(self, performances: Iterable[Performance]) -> Iterator[FrameState]:
        """What the networks are given, frame by frame. A condition depends on its neighbours: a frame is
        known when those after it are."""
        margin = max(self.head.config.window, SMOOTHED) // 2
        for near, shown in _with_neighbours(in_blocks(performances, BLOCK), margin):
            yield from self._states(near, shown)

    def _states(self, near: Performance, shown: range) -> Iterator[FrameState]:
        """Of the frames ``shown`` of a stretch that has their neighbours too."""
        source = near.head.source
        if source is None:
            raise EmoGeneError("an imported avatar can only be shown in the head poses of its own video")
        faces, areas = blinked(near.landmarks.points, near.blink.values[:, 0], self.eyes)
        windows = head_condition(faces, self.mean_face, self.statistics, self.head.config.window)
        torso = self._torso_conditions(near.landmarks.points, source)
        for t in shown:
            pose = torch.from_numpy(self.track.camera[source[t]])
            yield FrameState(
                rays=official_rays(pose, self.fields.size),
                condition=self._condition(windows[t], areas[t]),
                torso_condition=None if torso is None else torch.from_numpy(torso[t : t + 1]),
            )

    @torch.no_grad()
    def _condition(self, window: np.ndarray, area: np.ndarray) -> Tensor:
        eye = torch.from_numpy(area.astype(np.float32))
        return self.head.condition(torch.from_numpy(window), eye)

    def _torso_conditions(self, faces: np.ndarray, source: np.ndarray) -> np.ndarray | None:
        """``[T, 6]`` or ``[T, 136]`` of ``faces [T, 68, 3]``; the official torso sees no blinks."""
        if self.torso is None:
            return None
        if self.torso.config.condition == "pose":
            return torso_pose(self.track.camera[source])
        return torso_landmarks(faces, self.track.euler[source], self.track.trans[source])


def _scaled(picture: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS))


def _with_neighbours(pieces: Iterable[Performance], margin: int) -> Iterator[tuple[Performance, range]]:
    """Every frame once, in order, in a stretch that has ``margin`` frames before and after it, or all there
    are: pairs of a stretch and which of its frames are new."""
    held, done = None, 0
    for piece in pieces:
        held = piece if held is None else Performance.join([held, piece])
        ready = len(held) - margin
        if ready > done:
            yield held, range(done, ready)
            first = max(0, ready - margin)
            held, done = held[first:], ready - first
    if held is not None:
        yield held, range(done, len(held))
