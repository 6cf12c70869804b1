"""Training the torso field beneath a finished head."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, maximum_filter
from torch import Tensor

from emogene.avatar.capture.dataset import TrainingSet
from emogene.motion2video.torso import TorsoConfig, TorsoField, pixel_coordinates


@dataclass(frozen=True)
class TorsoTraining:
    iterations: int = 1500
    pixels: int = 16384
    grid_rate: float = 1e-2
    net_rate: float = 2e-3
    final_rate: float = 0.03
    pose_noise: float = 0.25
    """Deviation of the noise on the pose, in deviations of the training frames."""
    hidden_weight: float = 0.1
    """Weight of what the head hides: the neck is continued there."""
    seed: int = 0


def torso_config() -> TorsoConfig:
    return TorsoConfig.small(condition_octaves=0)


class TorsoTrainer:
    """The whole picture, head over torso over a random background, is to match: so the seam is learnt."""

    def __init__(
        self, data: TrainingSet, rows: np.ndarray, heads: np.ndarray, pose: np.ndarray, config: TorsoTraining
    ) -> None:
        """``rows [M]`` of the training set, their rendered head layers ``[M, S, S, 4]``, ``pose [M, 6]``."""
        torch.manual_seed(config.seed)
        self.config, size = config, data.colour.shape[1]
        self.random = np.random.default_rng(config.seed)
        self.noise = torch.Generator().manual_seed(config.seed)
        self.heads = heads.reshape(len(rows), -1, 4)
        self.colour = data.colour[rows].reshape(len(rows), -1, 3)
        self.alpha = data.alpha[rows].reshape(len(rows), -1)
        continued = [continue_torso(data.colour[r], data.alpha[r], data.head[r]) for r in rows]
        self.continued = np.stack(continued).reshape(len(rows), -1, 4)
        self.pose = torch.from_numpy(pose)
        self.coordinates = pixel_coordinates(size, size)
        self.field = TorsoField(torso_config())
        self._mask(size)
        grids = list(self.field.torso_embedder.parameters())
        nets = [*self.field.torso_deform_net.parameters(), *self.field.torso_canonicial_net.parameters()]
        groups = [
            {"params": grids, "lr": config.grid_rate, "eps": 1e-15},
            {"params": nets, "lr": config.net_rate},
        ]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def _mask(self, size: int) -> None:
        """The pixels where a torso can be, for training and in the field's own grid (column by column)."""
        possible = self.continued[..., 3].max(0).reshape(size, size) > 2
        possible = maximum_filter(possible, 9)
        self.places = np.flatnonzero(possible)
        cells = self.field.config.grid_size
        near = np.linspace(0, size - 1, cells).round().astype(int)
        grid = maximum_filter(possible, 5)[np.ix_(near, near)].T
        self.field.density_grid_torso.copy_(torch.from_numpy(grid.reshape(-1).astype(np.float32)))

    def run(self, progress: Callable[[Sequence[int]], Iterable[int]] = iter) -> TorsoField:
        for _ in progress(range(self.config.iterations)):
            self.step()
        return self.field

    def step(self) -> float:
        """One step of the optimiser; returns its loss."""
        count = self.config.pixels
        frame = self.random.integers(len(self.heads), size=count)
        place = self.random.choice(self.places, count)
        condition = self.pose[frame]
        condition = condition + self.config.pose_noise * torch.randn(condition.shape, generator=self.noise)
        with torch.autocast("cpu", torch.bfloat16):
            value = self.field(self.coordinates[place], condition)
        head = torch.from_numpy(self.heads[frame, place].astype(np.float32))
        color, alpha = _bytes(self.colour[frame, place]), _bytes(self.alpha[frame, place])[:, None]
        background = torch.rand(count, 3, generator=self.noise)
        torso = value.color * value.alpha + background * (1 - value.alpha)
        shown = head[:, :3] + torso * (1 - head[:, 3:])
        loss = (shown - color * alpha - background * (1 - alpha)).square().mean()
        behind = _bytes(self.continued[frame, place])
        kept = behind[:, :3] * behind[:, 3:] + background * (1 - behind[:, 3:])
        loss = loss + self.config.hidden_weight * (head[:, 3:] * (torso - kept).square()).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def _rate(self, step: int) -> float:
        part = step / self.config.iterations
        return min(1.0, (step + 1) / 50) * self.config.final_rate ** max(0.0, (part - 0.3) / 0.7)


def continue_torso(colour: np.ndarray, alpha: np.ndarray, head: np.ndarray, sigma: float = 5.0) -> np.ndarray:
    """The torso with what the head hides filled in from nearby: RGBA uint8 ``[S, S, 4]``, not premultiplied.

    A moving head uncovers a little of it; further up than the visible torso reaches it fades out.
    """
    visible = (head < 64).astype(np.float32)
    person = visible * (alpha > 250)
    weight = gaussian_filter(visible, sigma)
    opacity = np.clip(gaussian_filter(visible * alpha, sigma) / np.maximum(weight, 1e-3), 0, 255)
    opacity *= np.clip(weight * 20, 0, 1)
    opacity = np.where(head < 64, alpha * 1.0, opacity)
    shade = np.maximum(gaussian_filter(person, sigma), 1e-4)
    spread = np.stack([gaussian_filter(person * colour[..., c], sigma) / shade for c in range(3)], -1)
    filled = np.where((head < 64)[..., None], colour, spread)
    return np.concatenate([filled, opacity[..., None]], -1).clip(0, 255).astype(np.uint8)


@torch.no_grad()
def render_torso(field: TorsoField, pose: np.ndarray, size: int) -> np.ndarray:
    """The torso under ``pose [6]``: RGBA ``[size, size, 4]`` in 0..1, not premultiplied."""
    coordinates = pixel_coordinates(size, size)
    value = field(coordinates, torch.from_numpy(pose)[None])
    alpha = value.alpha * field.mask(coordinates)[:, None]
    return torch.cat([value.color, alpha], 1).reshape(size, size, 4).numpy()


def _bytes(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32) / 255)
