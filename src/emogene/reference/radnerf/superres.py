"""From the rendered image to twice its size: StyleGAN2 blocks with a constant style."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STYLE_WIDTH = 16
FIR = (1.0, 3.0, 3.0, 1.0)
GAIN, LIMIT = 2**0.5, 256.0  # of every activation
CHANNELS = 3  # of images
Noise = Literal["none", "const"]


@dataclass(frozen=True)
class SuperResolutionConfig:
    """The defaults are the official sizes (GeneFace++ with SR)."""

    size: int = 256
    """Rows of the image that goes in."""
    channels: tuple[int, ...] = (128, 64)
    """Of the two blocks."""


def fir_kernel() -> Tensor:
    """``[4, 4]``, sum 1."""
    taps = torch.tensor(FIR)
    return torch.outer(taps, taps) / taps.sum() ** 2


def smooth_upsample(image: Tensor, kernel: Tensor) -> Tensor:
    """``[B, C, H, W] -> [B, C, 2 H, 2 W]``: zeros between the pixels, then the FIR filter."""
    channels = image.shape[1]
    weight = (kernel.flip(0, 1) * 4).expand(channels, 1, 4, 4).to(image.dtype)
    return F.conv_transpose2d(image, weight.flip(2, 3), stride=2, padding=1, groups=channels)


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

    def forward(self, x: Tensor, noise: Noise) -> Tensor:
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
        return F.leaky_relu_(x, 0.2).clamp_(-LIMIT, LIMIT)


class ToImage(nn.Module):
    """1x1 convolution to the image's channels, styled but not demodulated."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.affine = Affine(inputs)
        self.weight = nn.Parameter(torch.randn(CHANNELS, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        style = self.affine() / self.weight.shape[1] ** 0.5
        out = F.conv2d(x, (self.weight * style[None, :, None, None]).to(x.dtype), self.bias.to(x.dtype))
        return out.clamp(-LIMIT, LIMIT)


class Block(nn.Module):
    """Two convolutions, and what they add to the image; ``up``: the image leaves twice as large."""

    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.register_buffer("resample_filter", fir_kernel())
        self.conv0 = StyledConvolution(inputs, outputs, size, up)
        self.conv1 = StyledConvolution(outputs, outputs, size)
        self.torgb = ToImage(outputs)

    def forward(self, x: Tensor, image: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        x = self.conv1(self.conv0(x, noise), noise)
        if self.up:
            image = smooth_upsample(image, self.resample_filter)
        return x, image + self.torgb(x).to(image.dtype)


class SuperResolution(nn.Module):
    """``[B, 3, S, S]`` in 0..1 -> ``[B, 3, 2 S, 2 S]``. Parameter names are those of official checkpoints."""

    def __init__(self, config: SuperResolutionConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("resample_filter", fir_kernel())
        first, second = config.channels
        self.block0 = Block(CHANNELS, first, config.size, up=False)
        self.block1 = Block(first, second, 2 * config.size, up=True)

    def forward(self, image: Tensor, noise: Noise = "none", dtype: torch.dtype | None = None) -> Tensor:
        """``noise``: none, or the recorded constant (the official code draws it anew).

        ``dtype`` of the convolutions, if not the image's; the image they add detail to keeps its own.
        """
        x = image.to(dtype or image.dtype).contiguous(memory_format=torch.channels_last)
        x, image = self.block0(x, image, noise)
        return self.block1(x, image, noise)[1]
