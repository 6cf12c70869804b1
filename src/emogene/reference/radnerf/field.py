"""The head: density and colour in space, given the face's landmarks (RAD-NeRF, Tang et al. 2022)."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.condition_nets import AttentionNet, AudioNet
from emogene.reference.radnerf.encodings import SH_WIDTH, spherical_harmonics
from emogene.reference.radnerf.grid import GridEncoding
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.marching import BOX, Occupancy, StepRule
from emogene.reference.radnerf.mlp import MLP, truncated_exp


@dataclass(frozen=True)
class HeadConfig:
    """Hyper-parameters of a head; the defaults are the official ones of GeneFace++ (May, without SR)."""

    condition_width: int = 64
    """Numbers that the networks make of a window of landmarks."""
    window: int = 5
    """Frames."""
    condition_inputs: int = 204
    """Numbers per frame of it."""
    blink_width: int = 0
    """How many numbers of the condition the eye's opening is added to; 0: none."""
    blink_embedding: int = 32

    position_grid: GridConfig = field(default_factory=GridConfig)
    ambient_width: int = 3
    """Coordinates of the second, condition-dependent grid: 3 or 2."""
    ambient_grid: GridConfig = field(default_factory=GridConfig)
    ambient_hidden: int = 128
    ambient_layers: int = 3

    sigma_hidden: int = 128
    sigma_layers: int = 3
    geometry_width: int = 128
    colour_hidden: int = 128
    colour_layers: int = 2
    individuals: int = 13000
    """Rows of per-frame codes."""
    individual_width: int = 4

    grid_size: int = 128
    max_steps: int = 16
    step_gamma: float = 1 / 256
    ambient_weight: bool = False
    """Does the checkpoint carry the weight of its ambient loss (those with SR do)."""

    @property
    def rule(self) -> StepRule:
        return StepRule.official(self.max_steps, self.grid_size, self.step_gamma)


class FieldValue(NamedTuple):
    sigma: Tensor
    """``[M]`` density."""
    colour: Tensor
    """``[M, 3]`` in 0..1."""
    ambient: Tensor
    """``[M, ambient_width]`` in -1..1."""


class HeadField(nn.Module):
    """Density and colour of points in the cube -1..1. Parameter names are those of official checkpoints."""

    aabb_train: Tensor
    aabb_infer: Tensor
    density_bitfield: Tensor
    density_grid: Tensor

    def __init__(self, config: HeadConfig, backend: Backend = "auto") -> None:
        super().__init__()
        self.config = config
        self._make_buffers()
        self._make_condition()
        c, positions = config, config.position_grid.width
        self.individual_embeddings = nn.Parameter(torch.randn(c.individuals, c.individual_width) * 0.1)
        if c.ambient_weight:
            self.lambda_ambient = nn.Parameter(torch.ones(1))
        self.position_embedder = GridEncoding(c.position_grid, backend)
        inputs = positions + c.condition_width
        self.ambient_net = MLP(inputs, c.ambient_hidden, c.ambient_width, c.ambient_layers)
        self.ambient_embedder = GridEncoding(c.ambient_grid, backend)
        inputs = positions + c.ambient_grid.width
        self.sigma_net = MLP(inputs, c.sigma_hidden, 1 + c.geometry_width, c.sigma_layers)
        inputs = SH_WIDTH + c.geometry_width + c.individual_width
        self.color_net = MLP(inputs, c.colour_hidden, 3, c.colour_layers)

    def _make_buffers(self) -> None:
        cells = self.config.grid_size**3
        self.register_buffer("aabb_train", torch.tensor(BOX))
        self.register_buffer("aabb_infer", torch.tensor(BOX))
        self.register_buffer("density_grid", torch.zeros(1, cells))
        self.register_buffer("density_bitfield", torch.zeros(cells // 8, dtype=torch.uint8))
        self.register_buffer("step_counter", torch.zeros(16, 2, dtype=torch.int32))

    def _make_condition(self) -> None:
        c = self.config
        self.cond_prenet = AudioNet(c.condition_inputs, c.condition_width)
        self.cond_att_net = AttentionNet(c.condition_width, c.window)
        if c.blink_width:
            self.blink_embedding = nn.Embedding(1, c.blink_embedding)
            self.blink_encoder = nn.Sequential(
                nn.Linear(c.blink_embedding, c.blink_embedding), nn.Linear(c.blink_embedding, c.blink_width)
            )

    @property
    def occupancy(self) -> Occupancy:
        return Occupancy(self.density_bitfield)

    def condition(self, landmarks: Tensor, eye: Tensor) -> Tensor:
        """The condition ``[1, width]`` of one frame's window of normalised landmarks ``[window, 1, 204]``,
        and of the eye's area ``eye [1]``, if the head knows of blinks."""
        codes = self.cond_prenet(landmarks)
        if self.config.blink_width:
            blink = self.blink_encoder(self.blink_embedding.weight * eye)
            codes = codes + nn.functional.pad(blink, (0, codes.shape[-1] - blink.shape[-1]))
        return self.cond_att_net(codes)

    def individual(self, frame: Tensor | int = 0) -> Tensor:
        """Per-frame codes ``[F, width]`` of training frames; frame 0's serves at inference."""
        codes = self.individual_embeddings
        return codes[torch.as_tensor(frame, device=codes.device).reshape(-1)]

    def forward(
        self,
        position: Tensor,
        ray: Tensor,
        direction: Tensor,
        condition: Tensor,
        individual: Tensor,
    ) -> FieldValue:
        """Points ``position [M, 3]`` that belong to ``ray [M]`` of one frame's rays ``direction [R, 3]``,
        with its ``condition [1, width]`` and ``individual [1, width]``."""
        features = self.position_embedder(position)
        ambient = torch.tanh(self.ambient_net(features, condition).float())
        hidden = self.sigma_net(features, self.ambient_embedder(ambient))
        view = spherical_harmonics(direction)[ray]
        colour = self.color_net(view, hidden[:, 1:], individual)
        return FieldValue(truncated_exp(hidden[:, 0].float()), torch.sigmoid(colour.float()), ambient)
