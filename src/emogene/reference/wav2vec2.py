"""The large wav2vec 2.0 encoder (Baevski et al. 2020), layer norm first; HuBERT-large is the same network.

Parameter names are those of the released checkpoints. Everything is frames first, ``[1, T, channels]``: a
strided convolution is then a matrix product over windows of frames, and layer norm needs no transposition.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emogene.packed import PackedLinear

HEAD_WIDTH = 64
CHUNK = 250  # feature frames (5 s) convolved at once


@dataclass(frozen=True)
class Wav2Vec2Config:
    """Sizes of :class:`Wav2Vec2`; the defaults are those of wav2vec2-large-xlsr-53 and HuBERT-large."""

    channels: int = 512
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    hidden: int = 1024
    layers: int = 24
    heads: int = 16
    feed_forward: int = 4096
    position_kernel: int = 128
    position_groups: int = 16
    vocabulary: int = 0  # rows of an unused CTC head that the checkpoint carries

    @classmethod
    def of(cls, state: Mapping[str, Tensor], prefix: str = "") -> "Wav2Vec2Config":
        """The sizes of a checkpoint, read from its keys and shapes; heads are 64 wide, as in every released
        one. KeyError where a key is missing, ValueError where the sizes do not go together."""
        shapes = {k.removeprefix(prefix): tuple(v.shape) for k, v in state.items() if k.startswith(prefix)}
        hidden, grouped, position_kernel = shapes["encoder.pos_conv_embed.conv.weight_v"]
        if not grouped or hidden % grouped or hidden % HEAD_WIDTH:
            raise ValueError(f"no network is {hidden} wide with groups of {grouped}")
        return cls(
            channels=shapes["feature_extractor.conv_layers.0.conv.weight"][0],
            hidden=hidden,
            layers=sum(
                re.fullmatch(r"encoder\.layers\.\d+\.final_layer_norm\.bias", k) is not None for k in shapes
            ),
            heads=hidden // HEAD_WIDTH,
            feed_forward=shapes["encoder.layers.0.feed_forward.intermediate_dense.bias"][0],
            position_kernel=position_kernel,
            position_groups=hidden // grouped,
            vocabulary=shapes.get("lm_head.weight", (0,))[0],
        )


class Wav2Vec2(nn.Module):
    """16 kHz samples ``[1, n]``, normalised, to features in context ``[1, T, hidden]`` at 50 Hz."""

    def __init__(self, config: Wav2Vec2Config | None = None) -> None:
        super().__init__()
        config = config or Wav2Vec2Config()
        self.masked_spec_embed = nn.Parameter(torch.empty(config.hidden).uniform_())
        self.feature_extractor = FeatureExtractor(config)
        self.feature_projection = FeatureProjection(config)
        self.encoder = Encoder(config)
        if config.vocabulary:
            self.lm_head = nn.Linear(config.hidden, config.vocabulary)

    def features(self, audio: Tensor) -> Tensor:
        """The convolutions alone ``[1, T, channels]``, 50 Hz; frame k covers 400 samples from 320 k."""
        return self.feature_extractor(audio)

    def encode(self, features: Tensor) -> Tensor:
        """The transformer alone, at any rate of the features: ``[1, T, channels] -> [1, T, hidden]``."""
        return self.encoder(self.feature_projection(features))

    def forward(self, audio: Tensor) -> Tensor:
        return self.encode(self.features(audio))


class FeatureExtractor(nn.Module):
    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        inputs = (1, *[config.channels] * (len(config.kernels) - 1))
        self.conv_layers = nn.ModuleList(
            ConvLayer(i, config.channels, kernel, stride)
            for i, kernel, stride in zip(inputs, config.kernels, config.strides, strict=True)
        )
        self.stride, self.reach = 1, 1
        for kernel, stride in zip(config.kernels, config.strides, strict=True):
            self.reach += (kernel - 1) * self.stride
            self.stride *= stride

    def forward(self, audio: Tensor) -> Tensor:
        """In chunks of output frames: the same numbers as at once, in memory that does not grow."""
        frames = max((audio.shape[1] - self.reach) // self.stride + 1, 0)
        chunks = []
        for first in range(0, frames, CHUNK):
            last = min(first + CHUNK, frames)
            x = audio[:, first * self.stride : (last - 1) * self.stride + self.reach, None]
            for layer in self.conv_layers:
                x = layer(x)
            chunks.append(x)
        return torch.cat(chunks, 1)


class ConvLayer(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = FrameConv(inputs, outputs, kernel, stride)
        self.layer_norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.layer_norm(self.conv(x)))


class FrameConv(nn.Module):
    """A strided convolution without padding on ``[1, T, inputs]``, as one matrix product over windows."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        plain = nn.Conv1d(inputs, outputs, kernel)
        self.weight, self.bias = plain.weight, plain.bias
        self.kernel, self.stride = kernel, stride
        self.packed: PackedLinear | None = None

    def forward(self, x: Tensor) -> Tensor:
        windows = x.unfold(1, self.kernel, self.stride).mT.flatten(2)
        if self.packed is not None:
            return self.packed(windows)
        return F.linear(windows, self.weight.mT.flatten(1), self.bias)

    def pack(self, dtype: torch.dtype) -> None:
        """See :func:`emogene.packed.pack`."""
        self.packed = PackedLinear(self.weight.mT.flatten(1), self.bias, dtype)
        del self.weight, self.bias


class FeatureProjection(nn.Module):
    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.channels)
        self.projection = nn.Linear(config.channels, config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        return self.projection(self.layer_norm(x))


class Encoder(nn.Module):
    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.pos_conv_embed = PositionalConv(config)
        self.layer_norm = nn.LayerNorm(config.hidden)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pos_conv_embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.layer_norm(x)


class PositionalConv(nn.Module):
    """Where a frame stands among its neighbours, by a wide grouped convolution."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.conv = NormedGroupConv(config.hidden, config.position_kernel, config.position_groups)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.conv(x.mT)[..., : x.shape[1]].mT)


class NormedGroupConv(nn.Module):
    """``weight = weight_g * weight_v / |weight_v|``, one gain to a tap: weight norm over dimension 2."""

    def __init__(self, width: int, kernel: int, groups: int) -> None:
        super().__init__()
        plain = nn.Conv1d(width, width, kernel, groups=groups)
        assert plain.bias is not None
        self.bias = plain.bias
        self.weight_g = nn.Parameter(plain.weight.detach().norm(dim=(0, 1), keepdim=True))
        self.weight_v = nn.Parameter(plain.weight.detach())
        self.groups = groups
        self.packed: Tensor | None = None

    def weight(self) -> Tensor:
        return self.weight_v * (self.weight_g / self.weight_v.norm(dim=(0, 1), keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight() if self.packed is None else self.packed
        return F.conv1d(x, weight, self.bias, padding=weight.shape[2] // 2, groups=self.groups)

    def pack(self, dtype: torch.dtype) -> None:
        """See :func:`emogene.packed.pack`. Stays float32: its sums are long, its share of the time small."""
        self.packed = self.weight().detach()
        del self.weight_v, self.weight_g


class EncoderLayer(nn.Module):
    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.attention = Attention(config.hidden, config.heads)
        self.layer_norm = nn.LayerNorm(config.hidden)
        self.feed_forward = FeedForward(config.hidden, config.feed_forward)
        self.final_layer_norm = nn.LayerNorm(config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.layer_norm(x))
        return x + self.feed_forward(self.final_layer_norm(x))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(width, hidden)
        self.output_dense = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.output_dense(F.gelu(self.intermediate_dense(x)))


def normalise(audio: Tensor) -> Tensor:
    """Zero mean and unit population variance over the whole clip ``[1, n]``, eps 1e-7."""
    return (audio - audio.mean()) / torch.sqrt(audio.var(correction=0) + 1e-7)
