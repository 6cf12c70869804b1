"""The cells that training rays see: what lies behind the face is dropped while the field learns."""

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from torch import Tensor
from torch.nn import functional as F

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.frame import FieldFrame
from emogene.face.pose import HeadPose
from emogene.motion2video.compositing import sample_weights
from emogene.motion2video.marching import Occupancy, Samples, cells, morton, pack_bits


class SeenCells:
    """The largest weight that samples had in each of ``size ** 3`` cells."""

    def __init__(self, size: int) -> None:
        self.size, self.seen = size, torch.zeros(size**3)
        self.grid = torch.cartesian_prod(*[torch.arange(size)] * 3)
        self.index = morton(self.grid)

    @torch.no_grad()
    def watch(self, samples: Samples, sigma: Tensor) -> None:
        """Note the weight of each sample in its cell."""
        cell = morton(cells(samples.position, self.size))
        self.seen.scatter_reduce_(0, cell, sample_weights(sigma, samples), "amax")

    def near(self, threshold: float) -> Tensor:
        """Cells seen with more than ``threshold`` and their neighbours, ``[size ** 3]`` bool, z fastest.

        Without the neighbours a warp, which thins the shell of the surface here and there, would tear holes.
        """
        volume = (self.seen[self.index] > threshold).float().reshape(1, 1, *[self.size] * 3)
        return F.max_pool3d(volume, 3, 1, 1).flatten() > 0

    def pack(self, full: Tensor) -> Tensor:
        """Occupancy bits of cells ``[size ** 3]``, z fastest."""
        ordered = torch.empty_like(full)
        ordered[self.index] = full
        return pack_bits(ordered)


class VisibleCells(SeenCells):
    """Occupancy from the weights that samples had, starting from the visual hull of the head's masks.

    Nearly frontal views say nothing about density behind the surface; fog would stay there and cost time.
    """

    def __init__(self, data: TrainingSet, frames: np.ndarray, frame: FieldFrame, size: int) -> None:
        super().__init__(size)
        self.hull = self._hull(data, frames, frame)
        self.occupancy = Occupancy(self.pack(self.hull))

    def _hull(self, data: TrainingSet, frames: np.ndarray, frame: FieldFrame, agree: float = 0.8) -> Tensor:
        centre = ((self.grid + 0.5) / self.size * 2 - 1).numpy()
        low, high = np.array(frame.box).reshape(2, 3)
        inside = ((centre > low - 0.02) & (centre < high + 0.02)).all(1)
        votes, side = np.zeros(len(centre)), data.colour.shape[1]
        for f in frames:
            pose = HeadPose(data.rotation[f : f + 1], data.translation[f : f + 1])
            column, row = frame.project(data.camera, pose, centre)[0].astype(int).clip(0, side - 1).T
            shown = data.head[f].astype(int) * data.alpha[f] > 255 * 8
            votes += maximum_filter(shown, 7)[row, column]
        return torch.from_numpy(inside & (votes > agree * len(frames)))

    def update(self, threshold: float, decay: float = 0.93) -> float:
        """Keep the cells seen with more than ``threshold`` and their neighbours; returns their share."""
        self.seen *= decay
        full = self.near(threshold) & self.hull
        self.occupancy = Occupancy(self.pack(full))
        return full.float().mean().item()
