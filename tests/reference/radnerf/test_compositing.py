import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.reference.radnerf.compositing import composite
from emogene.reference.radnerf.marching import Samples


def packed(counts: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Samples]:
    """Random density and colour on rays with this many samples each."""
    noise, total = torch.Generator().manual_seed(seed), sum(counts)
    first = torch.tensor([0, *counts]).cumsum(0)
    step = torch.rand(total, generator=noise) * 0.1
    samples = Samples(torch.zeros(total, 3), step, torch.arange(total) * 0.1, first)
    sigma = torch.rand(total, generator=noise) * 60
    return sigma, torch.rand(total, 3, generator=noise), samples


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=20), st.integers(0, 99))
def test_kernel_and_its_gradients_equal_reference(counts, seed):
    sigma, colour, samples = packed(counts, seed)
    results = []
    for backend in ("numba", "reference"):
        leaves = sigma.clone().requires_grad_(), colour.clone().requires_grad_()
        seen = composite(*leaves, samples, backend=backend)
        weights = torch.linspace(-1, 1, 5)
        loss = (seen.image @ weights[:3]).sum() + (seen.weights * weights[3] + seen.depth * weights[4]).sum()
        results.append((*seen, *torch.autograd.grad(loss, leaves)))
    for kernel, reference in zip(*results, strict=True):
        if kernel.numel():
            assert (kernel - reference).abs().max() < 1e-4


def test_opacity_is_bounded_and_an_empty_ray_is_clear():
    sigma, colour, samples = packed([0, 5, 12])
    seen = composite(sigma, colour, samples)
    assert seen.weights[0] == 0
    assert (seen.image[0] == 0).all()
    assert ((seen.weights >= 0) & (seen.weights <= 1)).all()
    assert (seen.image <= seen.weights[:, None] + 1e-6).all()


def test_nothing_behind_an_opaque_sample_is_seen():
    sigma, colour, samples = packed([4])
    sigma[1] = 1e6
    seen, before = composite(sigma, colour, samples), composite(sigma, colour, samples)
    colour[2:] = 1 - colour[2:]
    assert torch.equal(seen.image, composite(sigma, colour, samples).image)
    assert torch.equal(seen.image, before.image)
