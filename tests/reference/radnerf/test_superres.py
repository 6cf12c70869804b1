import torch
from torch.nn import functional as F

from emogene.reference.named import fill_by_name
from emogene.reference.radnerf.superres import (
    SuperResolution,
    SuperResolutionConfig,
    fir_kernel,
    smooth_upsample,
)


def tiny() -> SuperResolution:
    network = SuperResolution(SuperResolutionConfig(size=8, channels=(6, 4)))
    fill_by_name(network)
    return network.requires_grad_(False)


def upsample_by_definition(x: torch.Tensor) -> torch.Tensor:
    """Zeros after every pixel, two rows of padding before and one after, the FIR filter, gain 4."""
    wide = torch.zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[..., ::2, ::2] = x
    kernel = fir_kernel().expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(wide, (2, 1, 2, 1)), kernel * 4, groups=x.shape[1])


def test_upsampling_by_its_definition():
    x = torch.rand(2, 3, 5, 7)
    assert (smooth_upsample(x, fir_kernel()) - upsample_by_definition(x)).abs().max() < 1e-6


def test_upsampling_convolution_by_its_definition():
    layer, x = tiny().block1.conv0, torch.rand(1, 6, 8, 8)
    wide = torch.zeros(1, 6, 17, 17)
    wide[..., ::2, ::2][..., :8, :8] = x
    # A transposed convolution correlates the spread image with the flipped kernel.
    full = F.conv2d(F.pad(wide[..., :15, :15], (2, 2, 2, 2)), layer.styled_weight().flip(2, 3))
    filtered = F.conv2d(F.pad(full, (1, 1, 1, 1)), fir_kernel().expand(4, 1, 4, 4) * 4, groups=4)
    expected = F.leaky_relu(filtered + layer.bias[:, None, None], 0.2) * 2**0.5
    assert (layer(x, noise="none") - expected).abs().max() < 1e-5


def test_style_makes_output_channels_of_unit_norm():
    weight = tiny().block0.conv1.styled_weight()
    assert torch.allclose(weight.square().sum((1, 2, 3)), torch.ones(6), atol=1e-4)


def test_noise_is_none_or_the_recorded_constant():
    network, image = tiny(), torch.rand(1, 3, 8, 8)
    none, const = network(image), network(image, noise="const")
    assert none.shape == (1, 3, 16, 16)
    assert not torch.equal(none, const)
    for layer in (network.block0, network.block1):
        layer.conv0.noise_const.zero_()
        layer.conv1.noise_const.zero_()
    assert torch.equal(none, network(image, noise="const"))
