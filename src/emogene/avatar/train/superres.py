"""Training the super-resolution on what the fields render, towards the video at its own resolution."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from emogene.avatar.train.precision import mixed_precision
from emogene.avatar.train.seed import seeded
from emogene.motion2video.superres import SuperResolution, SuperResolutionConfig
from emogene.progress import Progress, over, silent


@dataclass(frozen=True)
class SuperResolutionTraining:
    iterations: int = 1500
    crop: int = 64
    """Side of the rendered crops; those of the targets are twice as large."""
    batch: int = 16
    rate: float = 2e-3
    sharpen: float = 1.2
    """Unsharp masking of the targets: the video has fewer pixels than the pictures we want."""
    sharpen_sigma: float = 1.8
    edge_weight: float = 1.0
    """Weight of the differences between neighbouring pixels: blur costs more."""
    seed: int = 0


class SuperResolutionTrainer:
    """Crops of rendered people over random backgrounds, against the same crops of the video."""

    def __init__(
        self, rendered: np.ndarray, colour: np.ndarray, alpha: np.ndarray, config: SuperResolutionTraining
    ) -> None:
        """``rendered [M, S, S, 4]`` premultiplied; ``colour [M, 2S, 2S, 3]``, ``alpha [M, 2S, 2S]`` uint8."""
        self.config, self.rendered = config, rendered
        self.targets = np.stack([sharpened(c, config.sharpen, config.sharpen_sigma) for c in colour])
        self.alpha = alpha
        self.random = np.random.default_rng(config.seed)
        with seeded(config.seed):
            self.net = SuperResolution(SuperResolutionConfig.small(size=rendered.shape[1]))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=config.rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, config.iterations)

    def run(self, progress: Progress = silent) -> SuperResolution:
        for _ in over(range(self.config.iterations), "super-resolution", progress):
            self.step()
        return self.net

    def step(self) -> float:
        """One step of the optimiser; returns its loss."""
        image, target = self._batch()
        with mixed_precision():
            difference = self.net(image).float() - target
        loss = difference.abs().mean()
        for axis in (2, 3):
            loss = loss + self.config.edge_weight * difference.diff(dim=axis).abs().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def _batch(self) -> tuple[Tensor, Tensor]:
        side, images, targets = self.config.crop, [], []
        for _ in range(self.config.batch):
            i = self.random.integers(len(self.rendered))
            y, x = self.random.integers(0, self.rendered.shape[1] - side, 2)
            background = self.random.random(3, np.float32)
            seen = self.rendered[i, y : y + side, x : x + side].astype(np.float32)
            images.append(seen[..., :3] + (1 - seen[..., 3:]) * background)
            there = np.s_[i, 2 * y : 2 * (y + side), 2 * x : 2 * (x + side)]
            alpha = self.alpha[there][..., None].astype(np.float32) / 255
            targets.append(self.targets[there].astype(np.float32) / 255 * alpha + (1 - alpha) * background)
        return _planes(images), _planes(targets)


def sharpened(colour: np.ndarray, amount: float, sigma: float) -> np.ndarray:
    """Unsharp masking of ``[H, W, 3]`` uint8."""
    values = colour.astype(np.float32)
    blurred = gaussian_filter(values, (sigma, sigma, 0))
    return np.clip(values + amount * (values - blurred) + 0.5, 0, 255).astype(np.uint8)


def _planes(images: list[np.ndarray]) -> Tensor:
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return F.relu(stacked).contiguous(memory_format=torch.channels_last)
