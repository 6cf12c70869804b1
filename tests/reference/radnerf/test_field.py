import pytest
import torch

from emogene.reference.radnerf.compositing import composite
from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.grid_config import GridConfig
from emogene.reference.radnerf.marching import march, morton, near_far
from emogene.reference.radnerf.mlp import truncated_exp

variants = pytest.mark.parametrize("variant", ["head", "headblink"])


@variants
def test_condition_and_field_are_the_official_ones(recorded, small_head, variant):
    head = small_head(variant)
    condition = head.condition(recorded[f"{variant}_cond"], recorded[f"{variant}_eye"])
    assert (condition - recorded[f"{variant}_cond_feat"]).abs().max() < 1e-6
    position, direction = recorded[f"{variant}_pos"], recorded[f"{variant}_dir"]
    value = head(position, torch.arange(len(position)), direction, condition, head.individual())
    for got, name in zip(value, ("sigma", "rgb", "ambient"), strict=True):
        assert (got - recorded[f"{variant}_{name}"]).abs().max() < 5e-4


@variants
@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_training_render_losses_and_gradients_are_the_official_ones(
    recorded, small_head, official_view, variant, backend
):
    head = small_head(variant, backend)
    rays = official_view
    near, far = near_far(*rays, head.aabb_train)
    samples = march(*rays, near, far, head.occupancy, head.config.rule, 16, backend=backend)
    condition = head.condition(recorded[f"{variant}_cond"], recorded[f"{variant}_eye"])
    code = head.individual(recorded[f"{variant}_train_index"])
    value = head(samples.position, samples.ray, rays.direction, condition, code)
    seen = composite(value.sigma, value.colour, samples, backend=backend)
    image = seen.image + (1 - seen.weights)[:, None] * recorded[f"{variant}_bg"]
    ambient = torch.zeros(len(image)).index_add(0, samples.ray, value.ambient.abs().sum(-1))
    assert (image - recorded[f"{variant}_train_rgb"]).abs().max() < 2e-4
    assert (seen.weights - recorded[f"{variant}_train_ws"]).abs().max() < 2e-4
    assert (ambient - recorded[f"{variant}_train_ambient"]).abs().max() < 1e-3

    opacity = seen.weights.clamp(1e-5, 1 - 1e-5)
    outside = ~recorded[f"{variant}_train_face_mask"]
    losses = [
        torch.nn.functional.mse_loss(image, recorded[f"{variant}_train_target"]),
        (-opacity * opacity.log2() - (1 - opacity) * (1 - opacity).log2()).mean(),
        (ambient * outside).sum() / (outside.sum() + 1),
    ]
    total = losses[0] + 1e-4 * losses[1] + 0.1 * losses[2]
    for loss, expected in zip([*losses, total], recorded[f"{variant}_train_losses"], strict=True):
        assert loss.item() == pytest.approx(expected.item(), abs=1e-4)

    total.backward()
    grads = {
        "sigma0": head.sigma_net.net[0].weight.grad,
        "color1": head.color_net.net[1].weight.grad,
        "ambient2": head.ambient_net.net[2].weight.grad,
        "ind3": head.individual_embeddings.grad[3],
    }
    for name, grad in grads.items():
        expected = recorded[f"{variant}_grad_{name}"]
        assert (grad - expected).abs().max() < 2e-3 * expected.abs().max()
    table = head.position_embedder.embeddings.grad.abs().sum().item()
    assert table == pytest.approx(recorded[f"{variant}_grad_pos_emb_sum"].item(), rel=1e-3)


def direct_head() -> HeadField:
    torch.manual_seed(0)
    grid = GridConfig(levels=4, features=4, finest_resolution=64, log2_rows=12)
    return HeadField(HeadConfig.small(condition_width=5, position_grid=grid, grid_size=32))


def test_rays_of_several_frames_see_their_own_condition():
    head = direct_head()
    position, direction = torch.rand(40, 3) - 0.5, torch.nn.functional.normalize(torch.randn(4, 3), dim=1)
    conditions, ray = torch.randn(2, 5), torch.arange(4).repeat_interleave(10)
    mixed = head(position, ray, direction, conditions, frame=torch.tensor([0, 1, 1, 0]))
    for frame in range(2):
        alone = head(position, ray, direction, conditions[frame : frame + 1])
        mine = torch.isin(ray, torch.tensor([0, 3] if frame == 0 else [1, 2]))
        assert (mixed.colour[mine] - alone.colour[mine]).abs().max() < 1e-6
        assert (mixed.sigma[mine] - alone.sigma[mine]).abs().max() < 1e-4


def test_a_direct_head_keeps_only_what_it_needs():
    keys = set(direct_head().state_dict())
    assert not any(key.startswith(("cond_", "ambient_", "individual", "density_grid")) for key in keys)
    assert "density_bitfield" in keys


def test_a_new_occupancy_tightens_the_box():
    head = direct_head()
    bits = torch.zeros(64**3 // 8, dtype=torch.uint8)
    index = morton(torch.tensor([[20, 32, 40], [30, 33, 63]]))
    bits[index >> 3] |= (1 << (index & 7)).to(torch.uint8)
    head.set_occupancy(bits, margin=0.05)
    assert head.config.grid_size == 64
    low, high = torch.tensor([20, 32, 40]) / 32 - 1 - 0.05, torch.tensor([31 / 32 - 0.95, 34 / 32 - 0.95, 1])
    assert torch.allclose(head.aabb_infer, torch.cat([low, high]))


def test_truncated_exp_has_a_bounded_slope():
    x = torch.tensor([-20.0, 1.0, 20.0], requires_grad=True)
    (grad,) = torch.autograd.grad(truncated_exp(x).sum(), x)
    assert torch.allclose(grad, torch.exp(torch.tensor([-15.0, 1.0, 15.0])))
