"""Training the torso field beneath a finished head."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, maximum_filter
from torch import Tensor

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.train.precision import mixed_precision
from emogene.avatar.train.seed import seeded
from emogene.motion2video.torso import TorsoConfig, TorsoField, pixel_coordinates
from emogene.progress import Progress, over, silent


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


def torso_config(clips: int) -> TorsoConfig:
    """Codes absorb what differs between clips: where the shirt lies, how high the person sits."""
    return TorsoConfig.small(condition_octaves=0, individuals=clips, individual_width=8)


class TorsoTrainer:
    """The whole picture, head over torso over a random background, is to match: so the seam is learnt."""

    def __init__(
        self, data: TrainingSet, rows: np.ndarray, heads: np.ndarray, pose: np.ndarray, config: TorsoTraining
    ) -> None:
        """``rows [M]`` of the training set, their rendered head layers ``[M, S, S, 4]``, ``pose [M, 6]``."""
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
        self.clips, clip = np.unique(data.clip[rows], return_inverse=True)
        self.clip = torch.from_numpy(clip)
        with seeded(config.seed):
            self.field = TorsoField(torso_config(len(self.clips)))
        self._mask(size)
        grids = list(self.field.torso_embedder.parameters())
        nets = [*self.field.torso_deform_net.parameters(), *self.field.torso_canonicial_net.parameters()]
        codes = [self.field.torso_individual_codes]
        groups = [
            {"params": grids, "lr": config.grid_rate, "eps": 1e-15},
            {"params": [*nets, *codes], "lr": config.net_rate},
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

    def run(self, progress: Progress = silent) -> TorsoField:
        """All steps; see :meth:`of_clip`."""
        for _ in over(range(self.config.iterations), "torso", progress):
            self.step()
        return self.field

    @property
    def usual(self) -> int:
        """The clip whose mean pose is nearest to the mean of all."""
        distance = [self.pose[self.clip == c].mean(0).norm() for c in range(len(self.clips))]
        return int(np.argmin(distance))

    def of_clip(self, clip: int) -> TorsoField:
        """The field with the code of one clip alone, as it is rendered."""
        field = TorsoField(torso_config(1))
        state = {k: v.detach().clone() for k, v in self.field.state_dict().items()}
        state["torso_individual_codes"] = state["torso_individual_codes"][clip : clip + 1]
        field.load_state_dict(state)
        return field.eval()

    def step(self) -> float:
        """One step of the optimiser; returns its loss."""
        count = self.config.pixels
        frame = self.random.integers(len(self.heads), size=count)
        place = self.random.choice(self.places, count)
        condition = self.pose[frame]
        condition = condition + self.config.pose_noise * torch.randn(condition.shape, generator=self.noise)
        with mixed_precision():
            code = self.field.torso_individual_codes[self.clip[frame]]
            value = self.field(self.coordinates[place], condition, code)
        head = torch.from_numpy(self.heads[frame, place].astype(np.float32))
        colour, alpha = _bytes(self.colour[frame, place]), _bytes(self.alpha[frame, place])[:, None]
        background = torch.rand(count, 3, generator=self.noise)
        torso = value.colour * value.alpha + background * (1 - value.alpha)
        shown = head[:, :3] + torso * (1 - head[:, 3:])
        loss = (shown - colour * alpha - background * (1 - alpha)).square().mean()
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
    value = field(coordinates, torch.from_numpy(pose)[None], field.code())
    alpha = value.alpha * field.mask(coordinates)[:, None]
    return torch.cat([value.colour, alpha], 1).reshape(size, size, 4).numpy()


def _bytes(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32) / 255)
