import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.reference.radnerf.grid import GridEncoding, grid_encode, grid_reference
from emogene.reference.radnerf.grid_config import FEATURES, GridConfig

LAYOUTS = {
    "tiled 3-D": GridConfig(3, log2_rows=9, finest_resolution=256),
    "hashed 3-D": GridConfig(3, log2_rows=9, finest_resolution=256, hashed=True),
    "tiled 2-D": GridConfig(2, log2_rows=9, finest_resolution=256),
    "hashed 2-D, smooth": GridConfig(2, log2_rows=8, hashed=True, smoothstep=True),
    "smooth 3-D": GridConfig(3, levels=4, log2_rows=10, finest_resolution=64, smoothstep=True),
}
layouts = pytest.mark.parametrize("config", LAYOUTS.values(), ids=LAYOUTS)


def points_and_table(config: GridConfig, count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator().manual_seed(1)
    points = torch.rand(count, config.dimensions, generator=noise)
    return points, torch.randn(config.rows, FEATURES, generator=noise)


@pytest.mark.parametrize("name", ["pos3", "torso2", "hash3", "tile3s"])
def test_rows_per_level_are_the_official_ones(recorded, name):
    meta = recorded[f"grid_{name}_meta"].tolist()
    dimensions, levels, features, base, log2_rows, finest, tiled, smooth = meta
    assert features == FEATURES
    config = GridConfig(
        dimensions=dimensions,
        levels=levels,
        base_resolution=base,
        finest_resolution=finest,
        log2_rows=log2_rows,
        hashed=not tiled,
        smoothstep=bool(smooth),
    )
    assert config.layout.offsets.tolist() == recorded[f"grid_{name}_offsets"].tolist()


def test_official_gradient_of_the_table(recorded):
    config = GridConfig(log2_rows=10, smoothstep=True)
    table = torch.zeros(config.rows, 2, requires_grad=True)
    out = grid_encode((recorded["grid_tile3s_x"] + 1) / 2, table, config)
    (grad,) = torch.autograd.grad((out * recorded["grid_tile3s_up"]).sum(), table)
    assert (grad - recorded["grid_tile3s_grad_table"]).abs().max() < 5e-4


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_hashed_rows_are_those_of_the_primes(backend):
    """At a lattice point the encoding is one row of the table; here the row's own number."""
    config = GridConfig(3, log2_rows=12, hashed=True)
    rows = np.diff(config.layout.offsets)
    table = torch.from_numpy(np.concatenate([np.arange(n) for n in rows])[:, None].repeat(2, 1)).float()
    level = 9
    place = np.random.default_rng(0).integers(1, int(config.layout.scales[level]), (100, 3))
    unit = torch.from_numpy((place - 0.5) / float(config.layout.scales[level])).float()
    found = grid_encode(unit, table, config, backend)[:, 2 * level].round().int().tolist()
    wanted = [(x ^ y * 2654435761 ^ z * 805459861) % 2**32 % int(rows[level]) for x, y, z in place.tolist()]
    assert found == wanted


@layouts
def test_kernel_equals_reference(config):
    points, table = points_and_table(config)
    points[:4] = torch.tensor([0.0, 1.0, -0.1, 1.1])[:, None]
    kernel, reference = (grid_encode(points, table, config, backend) for backend in ("numba", "reference"))
    assert (kernel - reference).abs().max() < 2e-4
    assert (kernel[2:4] == 0).all()


@pytest.mark.parametrize("wanted", [True, False])
def test_the_kernel_serves_where_no_gradient_is_wanted(wanted):
    points, table = points_and_table(config := LAYOUTS["tiled 2-D"])
    with torch.set_grad_enabled(wanted):
        assert grid_encode(points, table.requires_grad_(), config).requires_grad == wanted


def test_reference_gradients_are_true_derivatives():
    config = GridConfig(2, levels=2, base_resolution=2, finest_resolution=4, log2_rows=5, smoothstep=True)
    points, table = (x.double().requires_grad_() for x in points_and_table(config, 3))
    assert torch.autograd.gradcheck(lambda p, t: grid_reference(p, t, config), (points, table), atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_a_constant_table_is_seen_everywhere(place):
    config = LAYOUTS["tiled 3-D"]
    table = torch.full((config.rows, FEATURES), 0.7)
    out = grid_encode(torch.tensor([place]), table, config)
    assert np.allclose(out.numpy(), 0.7, atol=1e-5)


def test_module_covers_the_cube_and_names_its_state():
    grid = GridEncoding(LAYOUTS["tiled 3-D"])
    assert list(grid.state_dict()) == ["embeddings", "offsets"]
    inside, outside = grid(torch.tensor([[0.3, -1.0, 1.0]])), grid(torch.tensor([[0.3, -1.0, 1.01]]))
    assert inside.abs().sum() > 0
    assert outside.abs().sum() == 0
