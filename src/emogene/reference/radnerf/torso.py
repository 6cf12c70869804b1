"""The torso: a 2-D field over the image, deformed with the head's pose (RAD-NeRF)."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.encodings import frequency, frequency_width
from emogene.reference.radnerf.grid import GridEncoding
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.mlp import MLP

TORSO_LANDMARKS = slice(5, 12)  # the chin, seven of the 68 points


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
    octaves: int = 10
    condition_octaves: int = 4
    grid: GridConfig = field(default_factory=official_torso_grid)
    deform_hidden: int = 64
    canonical_hidden: int = 32
    layers: int = 3
    shrink: float = 0.8
    grid_size: int = 128

    @property
    def condition_width(self) -> int:
        return frequency_width(6 if self.condition == "pose" else 14, self.condition_octaves)

    @staticmethod
    def small(**changes: Any) -> "TorsoConfig":
        """A torso for a 2-core CPU."""
        config = TorsoConfig(
            individuals=0,
            individual_width=0,
            octaves=4,
            condition_octaves=2,
            grid=GridConfig(dimensions=2, levels=8, features=4, finest_resolution=512, log2_rows=14),
            deform_hidden=32,
            canonical_hidden=32,
        )
        return replace(config, **changes)


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
        if c.individuals:
            self.torso_individual_codes = nn.Parameter(torch.randn(c.individuals, c.individual_width) * 0.1)
        inputs = frequency_width(2, c.octaves) + c.condition_width + c.individual_width
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
        return frequency(condition, self.config.condition_octaves)

    def code(self, frame: Tensor | int = 0) -> Tensor | None:
        """Per-frame codes ``[F, width]`` of training frames; frame 0's serves at inference."""
        if not self.config.individuals:
            return None
        codes = self.torso_individual_codes
        return codes[torch.as_tensor(frame, device=codes.device).reshape(-1)]

    def frame_inputs(self, condition: Tensor, code: Tensor | None) -> list[Tensor]:
        """What all pixels of a frame share, in the order that the networks expect (after the coordinates)."""
        encoded, codes = self.encode_condition(condition), [] if code is None else [code]
        return [encoded, *codes] if self.config.condition == "pose" else [*codes, encoded]

    def forward(
        self, pixels: Tensor, condition: Tensor, code: Tensor | None = None, head: Tensor | None = None
    ) -> TorsoValue:
        """``pixels [P, 2]`` in -1..1 (row, column) of one frame.

        ``condition``: pose ``[1, 6]`` or landmarks ``[1, 136]``; ``code [1, width]``; ``head [P, 4]``: the
        head's colour (times opacity) and opacity there, if the torso is head-aware (None: no head).
        """
        x = pixels * self.config.shrink
        parts = [frequency(x, self.config.octaves), *self.frame_inputs(condition, code)]
        if self.config.head_aware:
            seen = head if head is not None else pixels.new_zeros(1, 4)
            parts.append(self.head_color_weights_encoder(seen))
        shift = self.torso_deform_net(*parts).float()
        features = self.torso_embedder((x + shift).clamp(-1, 1))
        out = self.torso_canonicial_net(features, *parts).float()
        return TorsoValue(torch.sigmoid(out[:, :1]), torch.sigmoid(out[:, 1:]), shift)
