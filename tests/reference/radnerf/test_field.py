import pytest
import torch

from emogene.reference.radnerf.compositing import composite
from emogene.reference.radnerf.marching import march, near_far
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
def test_training_render_losses_and_gradients_are_the_official_ones(
    recorded, small_head, official_view, variant
):
    head, rays = small_head(variant), official_view
    near, far = near_far(*rays, head.aabb_train)
    samples = march(*rays, near, far, head.occupancy, head.config.rule, limit=16)
    condition = head.condition(recorded[f"{variant}_cond"], recorded[f"{variant}_eye"])
    code = head.individual(recorded[f"{variant}_train_index"])
    value = head(samples.position, samples.ray, rays.direction, condition, code)
    seen = composite(value.sigma, value.colour, samples)
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


def test_truncated_exp_has_a_bounded_slope():
    x = torch.tensor([-20.0, 1.0, 20.0], requires_grad=True)
    (grad,) = torch.autograd.grad(truncated_exp(x).sum(), x)
    assert torch.allclose(grad, torch.exp(torch.tensor([-15.0, 1.0, 15.0])))
