"""The pitch-aware variational autoencoder with a flow prior of GeneFace++ (Ye et al. 2023, sec. 3.1).

One class for the official checkpoints (full size, HuBERT features to Basel expression coefficients) and for
the embedded model (small, features of our own encoder to mouth shapes). Parameter names are the official
ones.

Speech features and pitch at 50 Hz condition everything: an encoder turns motion into latents at a quarter of
the video rate, a volume-preserving flow maps those to a standard normal, a WaveNet decoder turns latents
back. At inference the latents come from the flow run backwards on noise.
"""

import math
import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PITCH_LEVELS = 300


@dataclass(frozen=True)
class VAEConfig:
    """Sizes of :class:`PitchContourVAE`; the defaults are the official ones."""

    features: int = 1024  # width of the speech features
    channels: int = 128  # width of the condition
    outputs: int = 64  # motion coefficients
    hidden: int = 256
    latent: int = 16
    kernel: int = 5
    encoder_layers: int = 8
    decoder_layers: int = 4
    stride: int = 4  # video frames to a latent
    flow_hidden: int = 64
    flow_kernel: int = 3
    flow_layers: int = 4
    flows: int = 4
    pitch: bool = True
    mouth_amp: bool = True
    eye_amp: bool = False

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> "VAEConfig":
        """The sizes of a checkpoint, read from its keys and shapes. KeyError where a key is missing."""
        hidden, outputs, double_stride = state["vae.encoder.pre_net.0.weight"].shape
        _, flow_hidden, flow_kernel = state["vae.prior_flow.flows.0.enc.in_layers.0.weight_v"].shape
        channels, features, _ = state["mel_encoder.0.weight"].shape
        return cls(
            features=features,
            channels=channels,
            outputs=outputs,
            hidden=hidden,
            latent=state["vae.encoder.out_proj.weight"].shape[0] // 2,
            kernel=state["vae.encoder.wn.in_layers.0.weight_v"].shape[2],
            encoder_layers=_count(state, r"vae\.encoder\.wn\.in_layers\.\d+\.bias"),
            decoder_layers=_count(state, r"vae\.decoder\.wn\.in_layers\.\d+\.bias"),
            stride=double_stride // 2,
            flow_hidden=flow_hidden,
            flow_kernel=flow_kernel,
            flow_layers=_count(state, r"vae\.prior_flow\.flows\.0\.enc\.in_layers\.\d+\.bias"),
            flows=_count(state, r"vae\.prior_flow\.flows\.\d+\.pre\.bias"),
            pitch="pitch_embed.weight" in state,
            mouth_amp="mouth_amp_embed" in state,
            eye_amp="eye_amp_embed" in state,
        )


def _count(state: dict[str, Tensor], pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state)


@dataclass(frozen=True)
class Reconstruction:
    """What training needs: ``motion [B, T, outputs]``, ``kl`` per latent element, ``latent`` before and
    ``normal`` after the flow, the posterior's ``mean`` and ``log_std``, each ``[B, latent, T/stride]``."""

    motion: Tensor
    kl: Tensor
    latent: Tensor
    normal: Tensor
    mean: Tensor
    log_std: Tensor


class PitchContourVAE(nn.Module):
    """Speech ``[B, 2T, features]`` and f0 ``[B, 2T]`` at 50 Hz to motion ``[B, T, outputs]`` at 25 fps.

    T is a multiple of ``config.stride``. Call :meth:`condition`, then :meth:`sample` or :meth:`reconstruct`.
    """

    def __init__(self, config: VAEConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or VAEConfig()
        width = config.channels
        self.mel_encoder = _conv_stack(config.features, width)
        self.blink_embed = nn.Embedding(2, width)
        if config.pitch:
            self.pitch_embed = nn.Embedding(PITCH_LEVELS, width)
            self.pitch_encoder = _conv_stack(width, width)
            parts = 3 + config.mouth_amp + config.eye_amp
            self.cond_proj = nn.Linear(parts * width, width)
        if config.mouth_amp:
            self.mouth_amp_embed = nn.Parameter(torch.randn(width))
        if config.eye_amp:
            self.eye_amp_embed = nn.Parameter(torch.randn(width))
        self.vae = FlowVAE(config)

    def condition(
        self,
        features: Tensor,
        f0: Tensor | None = None,
        mouth_amp: float | Tensor = 0.4,
        eye_amp: float | Tensor = 1.0,
        blink: Tensor | None = None,
    ) -> Tensor:
        """``[B, T, channels]`` from ``features [B, 2T, features]``, ``f0 [B, 2T]`` in Hz (0 = unvoiced), the
        amplitudes (a number, or ``[B, 1]``) and ``blink [B, 2T]`` (0 or 1; all 0 if left out)."""
        heard = _along_time(self.mel_encoder, features[:, ::2])
        if blink is None:
            blink = torch.zeros(heard.shape[:2], dtype=torch.long, device=heard.device)
        else:
            blink = blink[:, ::2]
        blinks = self.blink_embed(blink)
        if not self.config.pitch:
            return heard + blinks  # the one combination that the shapes of such a checkpoint allow
        if f0 is None:
            raise ValueError("this network needs the pitch")
        pitch = _along_time(self.pitch_encoder, self.pitch_embed(coarse_pitch(f0[:, ::2])))
        parts = [heard, pitch, blinks]
        if self.config.mouth_amp:
            parts.append(_scaled(self.mouth_amp_embed, mouth_amp, heard))
        if self.config.eye_amp:
            parts.append(_scaled(self.eye_amp_embed, eye_amp, heard))
        return self.cond_proj(torch.cat(parts, -1))

    def sample(self, condition: Tensor, normal: Tensor) -> Tensor:
        """Motion ``[B, T, outputs]`` for ``condition [B, T, channels]`` and ``normal [B, latent, T/stride]``:
        standard normal noise times the temperature (zeros: the most likely motion)."""
        return self.vae.sample(condition.mT, normal).mT

    def reconstruct(
        self, condition: Tensor, motion: Tensor, noise: Tensor, mask: Tensor | None = None
    ) -> Reconstruction:
        """Encode ``motion [B, T, outputs]``, draw with ``noise [B, latent, T/stride]``, decode.

        ``mask [B, T]`` is 1 where there is motion, 0 in padding (all 1 if left out).
        """
        if mask is None:
            mask = motion.new_ones(motion.shape[:2])
        return self.vae.reconstruct(condition.mT, motion.mT, noise, mask[:, None])


class FlowVAE(nn.Module):
    """The autoencoder on channels-first tensors, condition ``g [B, channels, T]`` at the video rate."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.stride = config.stride
        self.g_pre_net = nn.Sequential(_downsampling(config.channels, config.channels, config.stride))
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.prior_flow = Flow(config)

    def sample(self, g: Tensor, normal: Tensor) -> Tensor:
        latent = self.prior_flow.backward_from(normal, self.g_pre_net(g))
        return self.decoder(latent, g, None)

    def reconstruct(self, g: Tensor, motion: Tensor, noise: Tensor, mask: Tensor) -> Reconstruction:
        slow_g, slow_mask = self.g_pre_net(g), mask[:, :, :: self.stride]
        mean, log_std = self.encoder(motion, slow_g, slow_mask)
        latent = mean + noise * log_std.exp()
        normal = self.prior_flow(latent, slow_g, slow_mask)
        # log N(latent; mean, std) - log N(normal; 0, 1): the flow preserves volume. The 2 pi cancel.
        log_ratio = (normal**2 - noise**2) / 2 - log_std
        kl = (log_ratio * slow_mask).sum() / slow_mask.sum() / latent.shape[1]
        return Reconstruction(self.decoder(latent, g, mask).mT, kl, latent, normal, mean, log_std)


class Encoder(nn.Module):
    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.pre_net = nn.Sequential(_downsampling(config.outputs, config.hidden, config.stride))
        self.wn = WaveNet(config.hidden, config.kernel, config.encoder_layers, config.channels)
        self.out_proj = nn.Conv1d(config.hidden, 2 * config.latent, 1)

    def forward(self, motion: Tensor, g: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.out_proj(self.wn(self.pre_net(motion) * mask, g, mask)).chunk(2, 1)
        return mean, log_std


class Decoder(nn.Module):
    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        stride = config.stride
        self.pre_net = nn.Sequential(nn.ConvTranspose1d(config.latent, config.hidden, stride, stride))
        self.wn = WaveNet(config.hidden, config.kernel, config.decoder_layers, config.channels)
        self.out_proj = nn.Conv1d(config.hidden, config.outputs, 1)

    def forward(self, latent: Tensor, g: Tensor, mask: Tensor | None) -> Tensor:
        x = _masked(self.pre_net(latent), mask)
        return _masked(self.out_proj(self.wn(x, g, mask)), mask)


class Flow(nn.Module):
    """Mean-only affine couplings, the channels flipped after each: volume-preserving, so no Jacobian."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        # The official list alternates couplings with flips, which have no weights.
        couplings = [Coupling(config) for _ in range(config.flows)]
        self.flows = nn.ModuleList([layer for c in couplings for layer in (c, nn.Identity())])

    def forward(self, x: Tensor, g: Tensor, mask: Tensor | None = None) -> Tensor:
        for coupling in self.flows[::2]:
            x = coupling(x, g, mask, 1).flip(1)
        return x

    def backward_from(self, x: Tensor, g: Tensor) -> Tensor:
        """The inverse of :meth:`forward`."""
        for coupling in reversed(self.flows[::2]):
            x = coupling(x.flip(1), g, None, -1)
        return x


class Coupling(nn.Module):
    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        half, hidden = config.latent // 2, config.flow_hidden
        self.pre = nn.Conv1d(half, hidden, 1)
        self.enc = WaveNet(hidden, config.flow_kernel, config.flow_layers, config.channels)
        self.post = nn.Conv1d(hidden, half, 1)
        nn.init.zeros_(self.post.weight)
        nn.init.zeros_(self.post.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, g: Tensor, mask: Tensor | None, sign: int) -> Tensor:
        first, second = x.chunk(2, 1)
        shift = self.post(self.enc(_masked(self.pre(first), mask), g, mask))
        return torch.cat([first, _masked(second + sign * shift, mask)], 1)


class WaveNet(nn.Module):
    """Gated convolutions with skip connections; the condition enters every gate (van den Oord et al.
    2016)."""

    def __init__(self, hidden: int, kernel: int, layers: int, condition: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.cond_layer = NormedConv1d(condition, 2 * hidden * layers, 1)
        self.in_layers = nn.ModuleList(NormedConv1d(hidden, 2 * hidden, kernel) for _ in range(layers))
        widths = [2 * hidden] * (layers - 1) + [hidden]
        self.res_skip_layers = nn.ModuleList(NormedConv1d(hidden, width, 1) for width in widths)

    def forward(self, x: Tensor, g: Tensor, mask: Tensor | None) -> Tensor:
        conditions = self.cond_layer(g).chunk(len(self.in_layers), 1)
        total = torch.zeros_like(x)
        for gate, out, condition in zip(self.in_layers, self.res_skip_layers, conditions, strict=True):
            value, opening = (gate(x) + condition).chunk(2, 1)
            step = out(torch.tanh(value) * torch.sigmoid(opening))
            if step.shape[1] > self.hidden:
                residual, step = step.chunk(2, 1)
                x = _masked(x + residual, mask)
            total = total + step
        return _masked(total, mask)


class NormedConv1d(nn.Module):
    """Same-padded convolution with weight normalisation (Salimans & Kingma 2016) under its legacy names:
    ``weight = weight_g * weight_v / |weight_v|``, one gain to an output channel."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        plain = nn.Conv1d(inputs, outputs, kernel)
        assert plain.bias is not None
        self.weight_v = nn.Parameter(plain.weight.detach())
        self.weight_g = nn.Parameter(_norm(self.weight_v.detach()))
        self.bias = nn.Parameter(plain.bias.detach())

        self.frozen: Tensor | None = None

    @property
    def weight(self) -> Tensor:
        return self.weight_v * (self.weight_g / _norm(self.weight_v))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight if self.frozen is None else self.frozen
        return F.conv1d(x, weight, self.bias, padding=weight.shape[2] // 2)


def _norm(weight: Tensor) -> Tensor:
    """Of each output channel: ``[O, I, K] -> [O, 1, 1]``. Without data, only the shape: PyTorch would import
    its compiler for it, for a second."""
    return weight[:, :1, :1] if weight.is_meta else weight.norm(dim=(1, 2), keepdim=True)


def freeze(module: nn.Module) -> None:
    """Compute every normalised weight below ``module`` once: for inference, on the device where it is now."""
    for part in module.modules():
        if isinstance(part, NormedConv1d):
            part.frozen = part.weight.detach()


def coarse_pitch(f0: Tensor) -> Tensor:
    """Hz to one of 256 mel-spaced levels, 50..1100 Hz -> 1..255; unvoiced and lower are 1. int64, same
    shape."""
    low, high = (1127 * math.log1p(hz / 700) for hz in (50, 1100))
    mel = 1127 * torch.log1p(f0 / 700)
    level = torch.where(mel > 0, (mel - low) * 254 / (high - low) + 1, mel)
    return (level.clamp(1, 255) + 0.5).long()


def _conv_stack(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, width, 3, padding=1, bias=False),
        nn.BatchNorm1d(width),
        nn.GELU(),
        nn.Conv1d(width, width, 3, padding=1, bias=False),
    )


def _scaled(embedding: Tensor, amplitude: float | Tensor, like: Tensor) -> Tensor:
    """An embedding times a number, or one number to a clip ``[B, 1]``, repeated to the shape of ``like``."""
    amplitude = torch.as_tensor(amplitude, dtype=like.dtype, device=like.device).reshape(-1, 1, 1)
    return (amplitude * embedding).expand_as(like)


def _along_time(stack: nn.Module, x: Tensor) -> Tensor:
    """``[B, T, C]`` through convolutions that want ``[B, C, T]``."""
    return stack(x.mT).mT


def _downsampling(inputs: int, outputs: int, stride: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, 2 * stride, stride, padding=stride // 2)


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask
