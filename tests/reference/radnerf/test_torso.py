import pytest
import torch

from emogene.reference.named import fill_by_name
from emogene.reference.radnerf.frozen import FrozenTorso
from emogene.reference.radnerf.torso import TorsoConfig, TorsoField, pixel_coordinates

VARIANTS = {
    "torso": TorsoConfig(individuals=6),
    "torsosr": TorsoConfig(condition="landmarks", head_aware=True, individuals=6),
}


def small_torso(variant: str) -> TorsoField:
    torso = TorsoField(VARIANTS[variant])
    fill_by_name(torso)
    return torso.requires_grad_(False)


def condition_and_head(recorded, variant: str) -> tuple[torch.Tensor, torch.Tensor]:
    condition = recorded["torso_pose"] if variant == "torso" else recorded["torsosr_lm68"][None]
    return condition, torch.cat([recorded[f"{variant}_img"], recorded[f"{variant}_ws"]], 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_torso_is_the_official_one(recorded, variant):
    torso, (condition, head) = small_torso(variant), condition_and_head(recorded, variant)
    for suffix, seen in (("", head), ("_nohead", None)):
        value = torso(recorded[f"{variant}_x"], condition, torso.code(), seen)
        assert (value.alpha - recorded[f"{variant}{suffix}_alpha"]).abs().max() < 2e-4
        assert (value.colour - recorded[f"{variant}{suffix}_color"]).abs().max() < 2e-4
        if not suffix:
            assert (value.shift - recorded[f"{variant}_dx"]).abs().max() < 1e-5


@pytest.mark.parametrize("size", [256, 512])
def test_pixels_are_the_official_ones(recorded, size):
    pixels = pixel_coordinates(size, size)[recorded[f"rays{size}_sel"]]
    assert (pixels - recorded[f"bg_coords{size}"]).abs().max() < 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
def test_frozen_torso_equals_the_field_where_the_mask_is_open(recorded, variant):
    torso, (condition, _) = small_torso(variant), condition_and_head(recorded, variant)
    torso.density_grid_torso.view(128, 128)[:, 64:] = 1
    pixels = pixel_coordinates(16, 16)
    head = torch.rand(256, 4, generator=torch.Generator().manual_seed(0))
    frozen = FrozenTorso(torso, pixels)
    assert len(frozen.visible) == 128
    assert (pixels[frozen.visible, 0] > 0).all()
    alpha, colour = frozen(condition, head)
    value = torso(pixels[frozen.visible], condition, torso.code(), head[frozen.visible])
    assert (alpha - value.alpha).abs().max() < 1e-4
    assert (colour - value.colour).abs().max() < 1e-4
