"""Training the head field on the head layer of a training set."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.condition import ConditionBasis
from emogene.avatar.frame import FieldFrame
from emogene.avatar.train.precision import mixed_precision
from emogene.avatar.train.sampling import Regions, frame_shares
from emogene.avatar.train.seed import seeded
from emogene.avatar.train.visible import SeenCells, VisibleCells
from emogene.motion2video.compositing import Rendered, composite
from emogene.motion2video.field import HeadConfig, HeadField
from emogene.motion2video.grid_config import GridConfig
from emogene.motion2video.marching import Samples, march, near_far
from emogene.motion2video.renderer import FrameState, Portrait, Renderer
from emogene.progress import Progress, over, silent

BATCH_UNIT = 4096  # constant shapes keep allocation cheap


@dataclass(frozen=True)
class HeadTraining:
    iterations: int = 6000
    samples: int = 48 * 1024
    """Samples along rays per step; the number of rays follows."""
    rays: tuple[int, int] = (1024, 8192)
    """Least and greatest number of rays per step."""
    grid_rate: float = 1e-2
    net_rate: float = 2e-3
    final_rate: float = 0.03
    """The rates fall to this share over the last 70% of the steps."""
    condition_noise: float = 0.1
    """Deviation of the noise on the condition, in deviations of the training frames: against speckle."""
    opacity_weight: float = 0.02
    cells: int = 64
    """The training occupancy grid has cells**3 cells."""
    cull: tuple[int, int, float] = (192, 32, 0.06)
    """First step of dropping unseen cells, steps between, final threshold of a cell's weight."""
    bake: tuple[float, int, float] = (0.15, 128, 0.05)
    """Over this last share of the steps, a finer grid is watched; cells above the weight are kept."""
    render_step: float = 0.045
    """Step along rays of the finished field. Training jitters its rays, so that the step is free to choose:
    against the .027 of training this saves 40% of the samples and costs about 1 dB."""
    seed: int = 0


def head_config(condition_width: int, frame: FieldFrame) -> HeadConfig:
    """The sizes of an avatar's head: 8 levels x 4 features, hidden 64, no viewing direction."""
    return HeadConfig.small(
        condition_width=condition_width,
        position_grid=GridConfig(levels=8, features=4, finest_resolution=512, log2_rows=15, hashed=True),
        sigma_hidden=64,
        geometry_width=16,
        colour_hidden=64,
        view_bands=1,
        box=frame.box,
        step=0.027,
        max_steps=32,
    )


class HeadTrainer:
    """Photometric training against random backgrounds, so that opacity is learnt with colour."""

    def __init__(
        self,
        data: TrainingSet,
        frames: np.ndarray,
        frame: FieldFrame,
        basis: ConditionBasis,
        config: HeadTraining,
    ) -> None:
        self.data, self.frames, self.frame, self.config = data, frames, frame, config
        self.random = np.random.default_rng(config.seed)
        self.noise = torch.Generator().manual_seed(config.seed)
        with seeded(config.seed):
            self.field = HeadField(head_config(basis.width, frame))
        self.condition = torch.from_numpy(basis.encode(data.points, data.gaze))
        self.regions = Regions.of(data)
        self.shares = frame_shares(data.points[frames])
        self.visible = VisibleCells(data, frames[:: max(1, len(frames) // 40)], frame, config.cells)
        self.final = SeenCells(config.bake[1])
        self.rays = float(config.rays[0])
        grids = list(self.field.position_embedder.parameters())
        nets = [*self.field.sigma_net.parameters(), *self.field.color_net.parameters()]
        groups = [
            {"params": grids, "lr": config.grid_rate, "eps": 1e-15},
            {"params": nets, "lr": config.net_rate},
        ]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def run(self, progress: Progress = silent) -> HeadField:
        """All steps; the occupancy grid of the result holds what training rays saw towards the end."""
        first, every, threshold = self.config.cull
        share, _, kept = self.config.bake
        watched_from = (1 - share) * self.config.iterations
        for step in over(range(self.config.iterations), "head", progress):
            if step >= first and step % every == 0:
                self.visible.update(threshold * min(1.0, 0.3 + 0.7 * (step - first) / 1000))
            self.step()
            if step >= watched_from:
                self.final.watch(*self.last)
        self.field.set_occupancy(self.final.pack(self.final.near(kept)))
        self.field.config = replace(self.field.config, step=self.config.render_step)
        return self.field.eval()

    def step(self) -> float:
        """One step of the optimiser; returns its loss."""
        rays = int(self.rays) // 256 * 256
        frames = self.random.choice(self.frames, rays, p=self.shares)
        pixels = self.regions.draw(frames, self.data.colour.shape[1], self.random)
        seen, used = self._render(frames, pixels)
        colour, opacity = self._target(frames, pixels)
        background = torch.rand(rays, 3, generator=self.noise)
        shown = seen.image + background * (1 - seen.weights[:, None])
        wanted = colour * opacity[:, None] + background * (1 - opacity[:, None])
        loss = nn.functional.mse_loss(shown, wanted)
        loss = loss + self.config.opacity_weight * nn.functional.mse_loss(seen.weights, opacity)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        low, high = self.config.rays
        self.rays = min(high, max(low, 0.8 * self.rays + 0.2 * rays * self.config.samples / max(used, 1)))
        return loss.item()

    def _render(self, frames: np.ndarray, pixels: np.ndarray) -> tuple[Rendered, int]:
        data = self.data
        origin, direction = self.frame.rays(
            data.camera, data.rotation[frames], data.translation[frames], pixels + 0.5
        )
        condition = self.condition[frames]
        noise = torch.randn(condition.shape, generator=self.noise)
        jitter = torch.rand(len(frames), generator=self.noise)
        condition = condition + self.config.condition_noise * noise
        config = self.field.config
        near, far = near_far(origin, direction, self.field.aabb_train)
        start = near + jitter * config.step
        samples = march(
            origin=origin,
            direction=direction,
            start=start,
            far=far,
            occupancy=self.visible.occupancy,
            rule=config.rule,
            limit=config.max_steps,
        )
        sigma, colour = evaluate_samples(self.field, samples, direction, condition)
        self.last = samples, sigma.detach()
        self.visible.watch(*self.last)
        return composite(sigma, colour, samples), len(samples)

    def _target(self, frames: np.ndarray, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        column, row = pixels.T
        colour = torch.from_numpy(self.data.colour[frames, row, column]).float() / 255
        share = self.data.alpha[frames, row, column].astype(np.float32) * self.data.head[frames, row, column]
        return colour, torch.from_numpy(share / 255**2)

    def _rate(self, step: int) -> float:
        part = step / self.config.iterations
        return min(1.0, (step + 1) / 50) * self.config.final_rate ** max(0.0, (part - 0.3) / 0.7)


def evaluate_samples(
    field: HeadField, samples: Samples, direction: Tensor, condition: Tensor
) -> tuple[Tensor, Tensor]:
    """Density ``[M]`` and colour ``[M, 3]`` of samples, in mixed precision; one condition per ray."""
    total = len(samples)
    spare = -total % BATCH_UNIT
    position = nn.functional.pad(samples.position, (0, 0, 0, spare))
    ray = nn.functional.pad(samples.ray, (0, spare))
    with mixed_precision():
        value = field(position, ray, direction, condition, frame=torch.arange(len(condition)))
    return value.sigma[:total], value.colour[:total]


def render_layers(
    field: HeadField,
    data: TrainingSet,
    frame: FieldFrame,
    basis: ConditionBasis,
    rows: Iterable[int],
) -> Iterator[np.ndarray]:
    """The finished head layer of frames ``rows`` of ``data``: premultiplied RGBA ``[S, S, 4]`` float16."""
    size = data.colour.shape[1]
    renderer = Renderer(Portrait(field), size, torch.zeros(3))
    for row in rows:
        condition = basis.encode(data.points[row : row + 1], data.gaze[row : row + 1])
        rays = frame.image_rays(data.camera, data.rotation[row], data.translation[row])
        layers = renderer.layers(FrameState(rays, torch.from_numpy(condition)))
        seen = torch.cat([layers.image, layers.head[:, None]], 1)
        yield seen.reshape(size, size, 4).numpy().astype(np.float16)
