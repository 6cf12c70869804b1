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
def test_samples_one_by_one_give_the_same(counts, seed):
    """By the definition: front to back, until the transmittance has fallen below the threshold."""
    sigma, colour, samples = packed(counts, seed)
    seen = composite(sigma, colour, samples)
    for ray in range(len(counts)):
        left, image, depth = 1.0, torch.zeros(3), 0.0
        for i in range(int(samples.first[ray]), int(samples.first[ray + 1])):
            if left < 1e-4:
                break
            through = float(torch.exp(-sigma[i] * samples.step[i]))
            image += left * (1 - through) * colour[i]
            depth += left * (1 - through) * float(samples.end[i])
            left *= through
        assert (seen.image[ray] - image).abs().max() < 1e-4
        assert abs(seen.weights[ray] - (1 - left)) < 1e-4
        assert abs(seen.depth[ray] - depth) < 1e-3


def test_an_empty_ray_is_clear():
    sigma, colour, samples = packed([0, 5, 12])
    seen = composite(sigma, colour, samples)
    assert seen.weights[0] == 0
    assert (seen.image[0] == 0).all()
    assert (seen.weights[1:] > 0).all()


def test_nothing_behind_an_opaque_sample_is_seen():
    sigma, colour, samples = packed([4])
    sigma[1] = 1e6
    before = composite(sigma, colour, samples)
    colour[2:] = 1 - colour[2:]
    assert torch.equal(before.image, composite(sigma, colour, samples).image)
    colour[1] = 1 - colour[1]
    assert not torch.equal(before.image, composite(sigma, colour, samples).image)
