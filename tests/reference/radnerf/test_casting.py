from dataclasses import replace

import pytest
import torch

from emogene.reference.radnerf.casting import Caster, HeadLayer
from emogene.reference.radnerf.field import HeadField
from emogene.reference.radnerf.marching import march, near_far
from emogene.reference.radnerf.rays import Rays

backends = pytest.mark.parametrize("backend", ["reference", "numba"])


def box_full_of(head: HeadField, density: float, most: int) -> HeadField:
    """The head without an empty cell, ``density`` times as dense, seen by ``most`` steps."""
    head.density_bitfield.fill_(255)
    head.config = replace(head.config, max_steps=most)
    head.sigma_net.net[-1].weight.data[0] *= density
    return head


def official_sum(head: HeadField, rays: Rays, condition, limit: int, threshold: float):
    """Opacity ``[R]`` and image ``[R, 3]``, sample by sample: a ray ends with the sample before which its
    transmittance was below the threshold."""
    near, far = near_far(*rays, head.aabb_infer)
    samples = march(*rays, near, far, head.occupancy, head.config.rule, limit)
    value = head(samples.position, samples.ray, rays.direction, condition, head.individual())
    opacity, image = torch.zeros(len(near)), torch.zeros(len(near), 3)
    for ray in range(len(near)):
        for i in range(int(samples.first[ray]), int(samples.first[ray + 1])):
            left = 1 - opacity[ray]
            weight = left * (1 - torch.exp(-value.sigma[i] * samples.step[i]))
            opacity[ray] += weight
            image[ray] += weight * value.colour[i]
            if left < threshold:
                break
    return opacity, image


def cast(head: HeadField, rays: Rays, condition, **options) -> HeadLayer:
    with torch.no_grad():
        return Caster(head, torch.float32, **options)(rays, condition)


@torch.no_grad()
@backends
@pytest.mark.parametrize("options", [{}, {"threshold": 0.5}])
def test_rays_end_at_the_official_transmittance(recorded, small_head, official_view, backend, options):
    """Of 1% if nothing else is asked for."""
    head = box_full_of(small_head("head"), density=8, most=64)
    condition = head.condition(recorded["head_cond"], recorded["head_eye"])
    rays = Rays(*(part[::24] for part in official_view))
    limit = 3 * head.config.grid_size  # more than any ray has
    threshold = options.get("threshold", 0.01)
    opacity, image = official_sum(head, rays, condition, limit, threshold)
    assert (official_sum(head, rays, condition, limit, 0)[0] - opacity).max() > 1e-3, "some do end"
    seen = cast(head, rays, condition, backend=backend, **options)
    assert (seen.opacity - opacity).abs().max() < 1e-4
    assert (seen.image - image).abs().max() < 1e-4


@torch.no_grad()
@backends
def test_a_lonely_ray_gets_eight_samples_a_round(recorded, small_head, backend):
    """One in the first round; then as many as there are rays for each that is alive, 8 at most; so a ray has
    9 where 5 were asked for."""
    head = box_full_of(small_head("head"), density=1, most=5)
    condition = head.condition(recorded["head_cond"], recorded["head_eye"])
    origin = torch.tensor([[0.1, 0.1, 3.0]]).expand(10, 3)
    direction = torch.tensor([[0.0, 0.0, -1.0]] + [[0.0, 0.0, 1.0]] * 9)
    opacity, _ = official_sum(head, Rays(origin, direction), condition, limit=9, threshold=0)
    seen = cast(head, Rays(origin.contiguous(), direction), condition, threshold=0.0, backend=backend)
    assert (opacity[0] > 0) and (opacity[1:] == 0).all()
    assert (seen.opacity - opacity).abs().max() < 1e-5
