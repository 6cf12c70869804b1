"""The head: density and colour in space, given the face's landmarks (RAD-NeRF, Tang et al. 2022)."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.condition_nets import AttentionNet, AudioNet
from emogene.reference.radnerf.encodings import spherical_harmonics
from emogene.reference.radnerf.grid import GridEncoding
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.marching import Occupancy, StepRule
from emogene.reference.radnerf.mlp import MLP, truncated_exp


@dataclass(frozen=True)
class HeadConfig:
    """Hyper-parameters of a head; the defaults are the official ones of GeneFace++ (May, without SR)."""

    direct: bool = False
    """The condition goes in as it is given, instead of through networks over a window of landmarks."""
    condition_width: int = 64
    window: int = 5
    condition_inputs: int = 204
    blink_width: int = 0
    """How many numbers of the condition the eye's opening is added to; 0: none."""
    blink_embedding: int = 32

    position_grid: GridConfig = field(default_factory=GridConfig)
    ambient_width: int = 3
    """Coordinates of the second, condition-dependent grid: 3, 2, or 0 (the condition goes in directly)."""
    ambient_grid: GridConfig = field(default_factory=GridConfig)
    ambient_hidden: int = 128
    ambient_layers: int = 3

    sigma_hidden: int = 128
    sigma_layers: int = 3
    geometry_width: int = 128
    colour_hidden: int = 128
    colour_layers: int = 2
    view_bands: int = 4
    """Bands of spherical harmonics of the viewing direction, 0 to 4."""
    individuals: int = 13000
    """Rows of per-frame codes."""
    individual_width: int = 4

    grid_size: int = 128
    box: tuple[float, ...] = (-1.0, -0.5, -1.0, 1.0, 0.5, 1.0)
    """Low and high corner of what rays cross, within the cube -1..1 that the grids fill."""
    max_steps: int = 16
    step: float = 0.0
    """Step length; 0: the official rule from ``max_steps``."""
    step_gamma: float = 1 / 256
    nearest: float = 0.05
    ambient_weight: bool = False
    """Does the checkpoint carry the weight of its ambient loss (those with SR do)."""
    keep_density: bool = True
    """Is the float density grid part of the state (official checkpoints), beside its bits."""

    @property
    def rule(self) -> StepRule:
        if self.step:
            return StepRule(self.step, self.step)
        return StepRule.official(self.max_steps, self.grid_size, self.step_gamma)

    @staticmethod
    def small(**changes: Any) -> "HeadConfig":
        """A head for a 2-core CPU: direct conditioning, 8 levels x 4 features, hidden 64."""
        config = HeadConfig(
            direct=True,
            condition_width=24,
            window=1,
            ambient_width=0,
            position_grid=GridConfig(levels=8, features=4, finest_resolution=512, log2_rows=15),
            sigma_hidden=64,
            geometry_width=32,
            colour_hidden=64,
            view_bands=2,
            individuals=0,
            individual_width=0,
            keep_density=False,
            box=(-1.0, -1.0, -1.0, 1.0, 1.0, 1.0),
            step=0.02,
            max_steps=64,
        )
        return replace(config, **changes)


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
        if c.individuals:
            self.individual_embeddings = nn.Parameter(torch.randn(c.individuals, c.individual_width) * 0.1)
        if c.ambient_weight:
            self.lambda_ambient = nn.Parameter(torch.ones(1))
        self.position_embedder = GridEncoding(c.position_grid, backend)
        second = c.condition_width
        if c.ambient_width:
            inputs = positions + c.condition_width
            self.ambient_net = MLP(inputs, c.ambient_hidden, c.ambient_width, c.ambient_layers)
            self.ambient_embedder = GridEncoding(c.ambient_grid, backend)
            second = c.ambient_grid.width
        self.sigma_net = MLP(positions + second, c.sigma_hidden, 1 + c.geometry_width, c.sigma_layers)
        inputs = c.view_bands**2 + c.geometry_width + c.individual_width
        self.color_net = MLP(inputs, c.colour_hidden, 3, c.colour_layers)

    def _make_buffers(self) -> None:
        c, cells = self.config, self.config.grid_size**3
        self.register_buffer("aabb_train", torch.tensor(c.box))
        self.register_buffer("aabb_infer", torch.tensor(c.box))
        self.register_buffer("density_grid", torch.zeros(1, cells), persistent=c.keep_density)
        self.register_buffer("density_bitfield", torch.zeros(cells // 8, dtype=torch.uint8))
        if c.keep_density:
            self.register_buffer("step_counter", torch.zeros(16, 2, dtype=torch.int32))

    def _make_condition(self) -> None:
        c = self.config
        if c.direct:
            return
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

    def set_occupancy(self, bits: Tensor, margin: float = 0.06) -> None:
        """Replaces the occupancy grid, and with it the configured ``grid_size``.

        Rays at inference cross the box of the full cells only, grown by ``margin`` for what a warp moves.
        """
        occupancy = Occupancy(bits)
        self.config = replace(self.config, grid_size=occupancy.size)
        self.density_bitfield = bits
        self.density_grid = torch.zeros(1, occupancy.size**3)
        cells = torch.cartesian_prod(*[torch.arange(occupancy.size)] * 3)
        full = cells[occupancy((cells + 0.5) * (2 / occupancy.size) - 1)]
        if len(full):
            low, high = full.amin(0) * (2 / occupancy.size) - 1, (full.amax(0) + 1) * (2 / occupancy.size) - 1
            self.aabb_infer[:3] = torch.maximum(low - margin, self.aabb_train[:3])
            self.aabb_infer[3:] = torch.minimum(high + margin, self.aabb_train[3:])

    def condition(self, landmarks: Tensor, eye: Tensor | None = None) -> Tensor:
        """The official condition ``[1, width]``: one frame's window of normalised landmarks
        ``[window, 1, 204]``, and the eye's area ``eye [1]``. (A direct field is given its condition.)"""
        codes = self.cond_prenet(landmarks)
        if self.config.blink_width and eye is not None:
            blink = self.blink_encoder(self.blink_embedding.weight * eye)
            codes = codes + nn.functional.pad(blink, (0, codes.shape[-1] - blink.shape[-1]))
        return self.cond_att_net(codes)

    def individual(self, frame: Tensor | int = 0) -> Tensor | None:
        """Per-frame codes ``[F, width]`` of training frames; frame 0's serves at inference."""
        if not self.config.individuals:
            return None
        codes = self.individual_embeddings
        return codes[torch.as_tensor(frame, device=codes.device).reshape(-1)]

    def forward(
        self,
        position: Tensor,
        ray: Tensor,
        direction: Tensor,
        condition: Tensor,
        individual: Tensor | None = None,
        frame: Tensor | None = None,
    ) -> FieldValue:
        """Points ``position [M, 3]`` that belong to ``ray [M]`` of the rays ``direction [R, 3]``.

        ``condition [F, width]`` and ``individual [F, width]`` of F frames; ``frame [R]`` says whose each ray
        is, and may be left out where F is 1.
        """
        if frame is not None:
            condition = condition[frame][ray]
            individual = None if individual is None else individual[frame][ray]
        features = self.position_embedder(position)
        ambient, second = features[:, :0], condition
        if self.config.ambient_width:
            ambient = torch.tanh(self.ambient_net(features, condition).float())
            second = self.ambient_embedder(ambient)
        hidden = self.sigma_net(features, second)
        view = spherical_harmonics(direction, self.config.view_bands)[ray]
        codes = [] if individual is None else [individual]
        colour = self.color_net(view, hidden[:, 1:], *codes)
        return FieldValue(truncated_exp(hidden[:, 0].float()), torch.sigmoid(colour.float()), ambient)
