from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from emogene.reference.named import fill_by_name
from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.rays import Rays, official_rays

FIXTURES = Path(__file__).parents[2] / "fixtures"
VARIANTS = {
    "head": {"window": 5},
    "headblink": {"window": 3, "blink_width": 3, "blink_embedding": 8, "ambient_width": 2},
}


@pytest.fixture(scope="session")
def recorded() -> dict[str, Tensor]:
    """Numbers recorded from the official kernels and networks (reduced sizes, named weights)."""
    with np.load(FIXTURES / "radnerf.npz") as archive:
        return {name: torch.from_numpy(np.asarray(archive[name])) for name in archive}


@pytest.fixture(scope="session")
def official_view(recorded) -> Rays:
    """The 48 x 48 rays of the recorded renders."""
    return official_rays(recorded["head_pose"][0], 48)


@pytest.fixture(scope="session")
def small_head(recorded):
    """Makes a head that was recorded: reduced sizes, named weights; ``headblink`` has smoothstep grids."""

    def make(variant: str) -> HeadField:
        sizes = VARIANTS[variant]

        def grid(dimensions: int) -> GridConfig:
            smooth = variant == "headblink"
            return GridConfig(dimensions=dimensions, finest_resolution=128, log2_rows=9, smoothstep=smooth)

        config = HeadConfig(
            condition_width=16,
            position_grid=grid(3),
            ambient_grid=grid(sizes.get("ambient_width", 3)),
            ambient_hidden=24,
            sigma_hidden=24,
            geometry_width=20,
            colour_hidden=24,
            individuals=6,
            grid_size=32,
            **sizes,
        )
        head = HeadField(config)
        fill_by_name(head)
        head.density_bitfield.copy_(recorded[f"{variant}_density_bitfield"])
        return head

    return make
