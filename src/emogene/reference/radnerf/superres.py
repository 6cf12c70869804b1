"""From the rendered image to twice its size: StyleGAN2 blocks with a constant style (official), or ours."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STYLE_WIDTH = 16
FIR = (1.0, 3.0, 3.0, 1.0)
GAIN, LIMIT = 2**0.5, 256.0  # of every activation
Noise = Literal["none", "const", "random"]


@dataclass(frozen=True)
class SuperResolutionConfig:
    """The defaults are the official sizes (GeneFace++ with SR)."""

    kind: Literal["stylegan", "shuffle"] = "stylegan"
    size: int = 256
    """Rows of the image that goes in."""
    channels: tuple[int, ...] = (128, 64)
    """Per block; ``shuffle``: of the convolutions before the last."""
    image_channels: int = 3

    @staticmethod
    def small(size: int = 256) -> "SuperResolutionConfig":
        """A network for a 2-core CPU."""
        return SuperResolutionConfig(kind="shuffle", size=size, channels=(16, 16, 16))


def fir_kernel() -> Tensor:
    """``[4, 4]``, sum 1."""
    taps = torch.tensor(FIR)
    return torch.outer(taps, taps) / taps.sum() ** 2


def smooth_upsample(image: Tensor, kernel: Tensor) -> Tensor:
    """``[B, C, H, W] -> [B, C, 2 H, 2 W]``: zeros between the pixels, then the FIR filter."""
    channels = image.shape[1]
    weight = (kernel.flip(0, 1) * 4).expand(channels, 1, 4, 4).to(image.dtype)
    return F.conv_transpose2d(image, weight.flip(2, 3), stride=2, padding=1, groups=channels)


def bilinear_kernel(image: Tensor) -> Tensor:
    """``[4 C, C, 3, 3]``: the four pixels that bilinear doubling makes of each, before the pixel shuffle."""
    channels = image.shape[1]
    halves = image.new_tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
    four = torch.einsum("ai,bj->abij", halves, halves).reshape(4, 3, 3)
    each = torch.eye(channels, dtype=image.dtype, device=image.device)
    return torch.einsum("cd,kij->ckdij", each, four).reshape(4 * channels, channels, 3, 3)


class Affine(nn.Module):
    """The style of a layer, from a constant latent of ones: ``[channels]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, STYLE_WIDTH))
        self.bias = nn.Parameter(torch.ones(channels))

    def forward(self) -> Tensor:
        return self.weight.sum(1) / STYLE_WIDTH**0.5 + self.bias


class StyledConvolution(nn.Module):
    """3x3 convolution with demodulated weights, noise, bias and leaky ReLU; may double the size first."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, up: bool = False) -> None:
        super().__init__()
        self.up = up
        self.affine = Affine(inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("resample_filter", fir_kernel())
        self.register_buffer("noise_const", torch.randn(size, size))

    def styled_weight(self) -> Tensor:
        """The convolution's weight: style times weight, each output channel of unit norm."""
        weight = self.weight * self.affine()[None, :, None, None]
        return weight * (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()

    def forward(self, x: Tensor, noise: Noise, generator: torch.Generator | None) -> Tensor:
        # The activation's gain goes through the leaky ReLU, into weights, bias and noise.
        weight = (self.styled_weight() * GAIN).to(x.dtype)
        bias = (self.bias * GAIN).to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            kernel = (self.resample_filter * 4).expand(len(weight), 1, 4, 4).to(x.dtype)
            x = F.conv2d(x, kernel, bias, padding=1, groups=len(weight))
        else:
            x = F.conv2d(x, weight, bias, padding=1)
        if noise == "const":
            x = x + (self.noise_const * self.noise_strength * GAIN).to(x.dtype)
        elif noise == "random":
            drawn = torch.randn(len(x), 1, *x.shape[2:], generator=generator, device=x.device)
            x = x + (drawn * self.noise_strength * GAIN).to(x.dtype)
        if torch.is_grad_enabled():
            return F.leaky_relu(x, 0.2).clamp(-LIMIT, LIMIT)
        return F.leaky_relu_(x, 0.2).clamp_(-LIMIT, LIMIT)


class ToImage(nn.Module):
    """1x1 convolution to the image's channels, styled but not demodulated."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.affine = Affine(inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        style = self.affine() / self.weight.shape[1] ** 0.5
        out = F.conv2d(x, (self.weight * style[None, :, None, None]).to(x.dtype), self.bias.to(x.dtype))
        return out.clamp(-LIMIT, LIMIT)


class Block(nn.Module):
    """Two convolutions, and what they add to the image; ``up``: the image leaves twice as large."""

    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, image: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.register_buffer("resample_filter", fir_kernel())
        self.conv0 = StyledConvolution(inputs, outputs, size, up)
        self.conv1 = StyledConvolution(outputs, outputs, size)
        self.torgb = ToImage(outputs, image)

    def forward(self, x: Tensor, image: Tensor, noise: Noise, generator: torch.Generator | None):
        x = self.conv1(self.conv0(x, noise, generator), noise, generator)
        if self.up:
            image = smooth_upsample(image, self.resample_filter)
        return x, image + self.torgb(x).to(image.dtype)


class SuperResolution(nn.Module):
    """``[B, C, S, S]`` in 0..1 -> ``[B, C, 2 S, 2 S]``. Parameter names are those of official checkpoints."""

    def __init__(self, config: SuperResolutionConfig) -> None:
        super().__init__()
        self.config, c = config, config
        if c.kind == "shuffle":
            widths = (c.image_channels, *c.channels, 4 * c.image_channels)
            self.layers = nn.Sequential(*(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)))
            for tensor in self.layers[-1].parameters():
                nn.init.zeros_(tensor)
            return
        self.register_buffer("resample_filter", fir_kernel())
        first, second = c.channels
        self.block0 = Block(c.image_channels, first, c.size, c.image_channels, up=False)
        self.block1 = Block(first, second, 2 * c.size, c.image_channels, up=True)

    def forward(
        self,
        image: Tensor,
        noise: Noise = "none",
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """``noise`` (official only): none, the recorded constant, or drawn anew as the official code does.

        ``dtype`` of the convolutions, if not the image's; the image they add detail to keeps its own.
        """
        x = image.to(dtype or image.dtype).contiguous(memory_format=torch.channels_last)
        if self.config.kind == "stylegan":
            x, image = self.block0(x, image, noise, generator)
            return self.block1(x, image, noise, generator)[1]
        values = [value.to(x) for value in self.layers.parameters()]
        *hidden, last = zip(values[::2], values[1::2], strict=True)
        for weight, bias in hidden:
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
        detail = F.conv2d(x, *last, padding=1).to(image.dtype)
        plain = F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), bilinear_kernel(image))
        return F.pixel_shuffle(plain + detail, 2)
