"""Performances to pictures as GeneFace++ renders them: its conditions, its camera, its blinks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
from emogene.reference.radnerf.performance_renderer import PerformanceRenderer, RenderConfig
from emogene.reference.radnerf.rays import official_rays
from emogene.reference.radnerf.renderer import FrameState, Portrait

BLOCK = 250  # frames whose conditions are in memory together


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


class OfficialRenderer(PerformanceRenderer):
    """Shows landmarks that come without blinks, shut as the performance's blinks say, under the poses of the
    video that its head pose names; the arguments are those of :class:`OfficialAvatar`."""

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
        super().__init__(portrait, native, background, config)
        self.head, self.torso = portrait.head, portrait.torso
        self.mean_face, self.statistics, self.eyes, self.track = mean_face, statistics, eyes, track

    def states(self, performances: Iterable[Performance]) -> Iterator[FrameState]:
        """A condition depends on its neighbours: a frame is known when those after it are."""
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
