import pytest
import torch

from emogene.reference.radnerf.rays import official_rays


@pytest.mark.parametrize("size", [256, 512])
def test_rays_are_the_official_ones(recorded, size):
    rays = official_rays(recorded["rays_pose"], size)
    some = recorded[f"rays{size}_sel"]
    assert rays.direction.shape == (size**2, 3)
    assert (rays.direction[some] - recorded[f"rays{size}_d"]).abs().max() < 1e-6
    assert (rays.origin - recorded[f"rays{size}_o"]).abs().max() < 1e-6


def test_the_middle_looks_along_the_cameras_axis():
    middle = official_rays(torch.eye(4), 3).direction[4]
    assert torch.equal(middle, torch.tensor([0.0, 0.0, 1.0]))
