import pytest
import torch

from emogene.reference.radnerf.marching import (
    BOX,
    MISS,
    Occupancy,
    StepRule,
    cells,
    march,
    morton,
    near_far,
    pack_bits,
)

BACKENDS = ["reference", "numba"]
backends = pytest.mark.parametrize("backend", BACKENDS)


def sphere(size: int, radius: float = 0.6) -> Occupancy:
    """Full within ``radius`` of the centre, hollow inside half of it."""
    grid = torch.cartesian_prod(*[torch.arange(size)] * 3)
    distance = ((grid + 0.5) / size * 2 - 1).norm(dim=1)
    full = torch.zeros(size**3, dtype=torch.bool)
    full[morton(grid)] = (distance < radius) & (distance > radius / 2)
    return Occupancy(pack_bits(full))


def parallel_rays(count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator().manual_seed(0)
    origin = torch.rand(count, 3, generator=noise) * 2 - 1
    origin[:, 2] = 3
    direction = torch.nn.functional.normalize(torch.tensor([0.05, -0.1, -1.0]), dim=0)
    return origin, direction.expand(count, 3).contiguous()


def test_morton_code_is_the_official_one(recorded):
    assert torch.equal(morton(recorded["morton_c"]), recorded["morton_i"].long())


def test_near_and_far_are_the_official_ones(recorded):
    near, far = near_far(recorded["nf_o"], recorded["nf_d"], torch.tensor(BOX))
    assert (near - recorded["nf_near"]).abs().max() < 1e-6
    assert (far - recorded["nf_far"]).abs().max() < 1e-6
    assert ((near == MISS) == (far == MISS)).all()


def test_rays_begin_a_little_before_the_camera():
    """One that stands in the box, too."""
    near, far = near_far(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor(BOX))
    assert (near.item(), far.item()) == pytest.approx((0.05, 1.0))


@backends
def test_march_is_the_official_one(recorded, backend):
    origin, direction, near, far = (recorded[f"march_{name}"] for name in ("o", "d", "near", "far"))
    occupancy = Occupancy(recorded["march_bits"])
    samples = march(origin, direction, near, far, occupancy, StepRule.official(), 4, backend=backend)
    used = recorded["march_delta"][..., 0] > 0
    assert torch.equal(samples.first.diff(), used.sum(1))
    assert (samples.position - recorded["march_xyz"][used]).abs().max() < 1e-6
    assert (torch.stack([samples.step, samples.end], -1) - recorded["march_delta"][used]).abs().max() < 1e-6


def test_bits_hold_what_was_packed():
    occupancy = sphere(32)
    grid = torch.cartesian_prod(*[torch.arange(32)] * 3)
    centre = (grid + 0.5) / 32 * 2 - 1
    distance = centre.norm(dim=1)
    assert torch.equal(cells(centre, 32), grid)
    assert torch.equal(occupancy(centre), (distance < 0.6) & (distance > 0.3))


@pytest.mark.parametrize("rule", [StepRule(0.02, 0.02), StepRule(0.01, 0.05, 1 / 128)])
def test_skipping_empty_blocks_changes_nothing(rule):
    occupancy, (origin, direction) = sphere(64), parallel_rays()
    near, far = near_far(origin, direction, torch.tensor([-1.0, -1, -1, 1, 1, 1]))
    kernel, reference = (
        march(origin, direction, near, far, occupancy, rule, 50, backend=backend) for backend in BACKENDS
    )
    assert torch.equal(kernel.first, reference.first)
    assert len(kernel) > 1000
    assert torch.equal(kernel.ray, reference.ray)
    assert (kernel.position - reference.position).abs().max() < 1e-6


def test_a_ray_resumes_where_its_round_ended():
    occupancy, (origin, direction) = sphere(64), parallel_rays(50)
    near, far = near_far(origin, direction, torch.tensor([-1.0, -1, -1, 1, 1, 1]))
    rule = StepRule(0.02, 0.02)
    whole = march(origin, direction, near, far, occupancy, rule, 8)
    half = march(origin, direction, near, far, occupancy, rule, 4)
    full = half.first.diff() == 4
    start = half.end[half.first[1:][full] - 1]
    rest = march(origin[full], direction[full], start, far[full], occupancy, rule, 4)
    assert len(half) + len(rest) == len(whole)
