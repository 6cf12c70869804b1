"""The torso: a 2-D field over the image, deformed with the head's pose (RAD-NeRF)."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.encodings import frequency, frequency_width
from emogene.reference.radnerf.grid import GridEncoding
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.mlp import MLP

TORSO_LANDMARKS = slice(5, 12)  # the chin, seven of the 68 points
OCTAVES, CONDITION_OCTAVES = 10, 4  # of coordinates, and of what moves it


def official_torso_grid() -> GridConfig:
    return GridConfig(dimensions=2)


@dataclass(frozen=True)
class TorsoConfig:
    """Hyper-parameters of a torso; the defaults are the official ones (May, without SR)."""

    condition: Literal["pose", "landmarks"] = "pose"
    """What moves it: head pose ``[6]`` (Euler angles XYZ and translation), or the chin's image points."""
    head_aware: bool = False
    """Does it see the head's colour and opacity at each pixel."""
    individuals: int = 13000
    individual_width: int = 8
    grid: GridConfig = field(default_factory=official_torso_grid)
    deform_hidden: int = 64
    canonical_hidden: int = 32
    layers: int = 3
    shrink: float = 0.8
    grid_size: int = 128

    @property
    def condition_width(self) -> int:
        return frequency_width(6 if self.condition == "pose" else 14, CONDITION_OCTAVES)


class TorsoValue(NamedTuple):
    alpha: Tensor
    """``[P, 1]`` in 0..1."""
    colour: Tensor
    """``[P, 3]`` in 0..1, not multiplied by alpha."""
    shift: Tensor
    """``[P, 2]``: where each pixel looks in the canonical torso."""


def pixel_coordinates(height: int, width: int) -> Tensor:
    """``[height * width, 2]``: (row, column) of every pixel in -1..1, the corners' centres being the ends."""
    row, column = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([row.reshape(-1), column.reshape(-1)], -1)


class TorsoField(nn.Module):
    """Opacity and colour of pixels. Parameter names are those of official checkpoints."""

    density_grid_torso: Tensor

    def __init__(self, config: TorsoConfig, backend: Backend = "auto") -> None:
        super().__init__()
        self.config = c = config
        self.register_buffer("density_grid_torso", torch.zeros(c.grid_size**2))
        self.torso_individual_codes = nn.Parameter(torch.randn(c.individuals, c.individual_width) * 0.1)
        inputs = frequency_width(2, OCTAVES) + c.condition_width + c.individual_width
        if c.head_aware:
            self.head_color_weights_encoder = nn.Sequential(
                nn.Linear(4, 16), nn.LeakyReLU(0.02), nn.Linear(16, 32), nn.LeakyReLU(0.02), nn.Linear(32, 16)
            )
            inputs += 16
        self.torso_embedder = GridEncoding(c.grid, backend)
        self.torso_deform_net = MLP(inputs, c.deform_hidden, 2, c.layers)
        self.torso_canonicial_net = MLP(c.grid.width + inputs, c.canonical_hidden, 4, c.layers)

    def mask(self, pixels: Tensor) -> Tensor:
        """Which pixels (``[P, 2]``, row and column in -1..1) may show the torso: ``[P]`` bool."""
        size = self.config.grid_size
        grid = self.density_grid_torso.reshape(1, 1, size, size)
        value = F.grid_sample(grid, pixels.reshape(1, 1, -1, 2), align_corners=True).flatten()
        return value > 0

    def encode_condition(self, condition: Tensor) -> Tensor:
        """Pose ``[F, 6]``, or 68 image points ``[F, 136]`` in 0..1 -> ``[F, condition_width]``."""
        if self.config.condition == "landmarks":
            condition = condition.reshape(-1, 68, 2)[:, TORSO_LANDMARKS].reshape(-1, 14)
        return frequency(condition, CONDITION_OCTAVES)

    def code(self, frame: Tensor | int = 0) -> Tensor:
        """Per-frame codes ``[F, width]`` of training frames; frame 0's serves at inference."""
        codes = self.torso_individual_codes
        return codes[torch.as_tensor(frame, device=codes.device).reshape(-1)]

    def frame_inputs(self, condition: Tensor, code: Tensor) -> list[Tensor]:
        """What all pixels of a frame share, in the order that the networks expect (after the coordinates)."""
        encoded = self.encode_condition(condition)
        return [encoded, code] if self.config.condition == "pose" else [code, encoded]

    def forward(
        self, pixels: Tensor, condition: Tensor, code: Tensor, head: Tensor | None = None
    ) -> TorsoValue:
        """``pixels [P, 2]`` in -1..1 (row, column) of one frame.

        ``condition``: pose ``[1, 6]`` or landmarks ``[1, 136]``; ``code [1, width]``; ``head [P, 4]``: the
        head's colour (times opacity) and opacity there, if the torso is head-aware (None: no head).
        """
        x = pixels * self.config.shrink
        parts = [frequency(x, OCTAVES), *self.frame_inputs(condition, code)]
        if self.config.head_aware:
            seen = head if head is not None else pixels.new_zeros(1, 4)
            parts.append(self.head_color_weights_encoder(seen))
        shift = self.torso_deform_net(*parts).float()
        features = self.torso_embedder((x + shift).clamp(-1, 1))
        out = self.torso_canonicial_net(features, *parts).float()
        return TorsoValue(torch.sigmoid(out[:, :1]), torch.sigmoid(out[:, 1:]), shift)
