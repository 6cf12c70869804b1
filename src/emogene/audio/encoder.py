"""Speech to what is said and how it is said: features at 50 Hz from the first layers of Whisper, made local.

Log-mel shows a voice; these features show speech: they change little with the speaker, the room and the
microphone, and an emotion stands out of them. The layers attend one second back and 0.16 s ahead by relative
position, so a stream, a window of a long file and the whole file give the same numbers.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emogene.audio.mel import BANDS, MelSpectrum, log_mel
from emogene.clock import SAMPLE_RATE, SPEECH_FPS
from emogene.packed import pack, packable
from emogene.stream import Stage, run
from emogene.weights.embedded import assets
from emogene.weights.file import Format, open_network

ASSET = "speech_encoder.safetensors"
_BLOCK = 64  # queries that share their keys


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the network. Each layer attends ``back`` frames of 20 ms into the past and ``ahead`` into the
    future."""

    width: int = 512
    heads: int = 8
    hidden: int = 2048
    layers: int = 3
    back: int = 50
    ahead: int = 8

    @property
    def reach(self) -> tuple[int, int]:
        """How many frames of 20 ms an output sees before and after its own; the spectrum
        and its convolutions reach 32.5 ms further."""
        return self.back * self.layers, self.ahead * self.layers


class Layer(nn.Module):
    """Whisper's encoder layer (pre-norm; Radford et al. 2022) with banded attention and a learnt bias for
    each head and distance (as T5's, Raffel et al. 2020) in place of absolute positions.

    Unpadded: ``[B, T, C] -> [B, T - back - ahead, C]``.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.back, self.ahead, self.heads = config.back, config.ahead, config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.query = nn.Linear(config.width, config.width)
        self.key_value = nn.Linear(config.width, 2 * config.width)
        self.relative_bias = nn.Parameter(torch.zeros(config.heads, config.back + 1 + config.ahead))
        self.out_proj = nn.Linear(config.width, config.width)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        normal = self.attention_norm(x)
        inside = slice(self.back, x.shape[1] - self.ahead)
        x = x[:, inside] + self.out_proj(self._attend(self.query(normal[:, inside]), self.key_value(normal)))
        return x + self.fc2(F.gelu(self.fc1(self.mlp_norm(x))))

    def _attend(self, query: Tensor, key_value: Tensor) -> Tensor:
        """Queries ``[B, T, C]`` and keys with values ``[B, T + back + ahead, 2 C]``, in blocks of _BLOCK."""
        batch, frames, width = query.shape
        blocks = -(-frames // _BLOCK)
        missing = blocks * _BLOCK - frames
        query = F.pad(query, (0, 0, 0, missing)).reshape(batch * blocks, _BLOCK, self.heads, -1)
        span = _BLOCK + self.back + self.ahead
        windows = F.pad(key_value, (0, 0, 0, missing)).unfold(1, span, _BLOCK)  # [B, blocks, 2 C, span]
        windows = windows.reshape(batch * blocks, 2, self.heads, -1, span).mT
        mixed = F.scaled_dot_product_attention(
            query.transpose(1, 2), windows[:, 0], windows[:, 1], attn_mask=self._band(span).to(query.dtype)
        )
        return mixed.transpose(1, 2).reshape(batch, blocks * _BLOCK, width)[:, :frames]

    def _band(self, span: int) -> Tensor:
        """``[heads, _BLOCK, span]``: the bias of every key for every query of a block."""
        device = self.relative_bias.device
        place = torch.arange(span, device=device) - torch.arange(_BLOCK, device=device)[:, None]
        reach = self.relative_bias.shape[1]
        bias = self.relative_bias[:, place.clamp(0, reach - 1)]
        return bias.masked_fill((place < 0) | (place >= reach), -torch.inf)


class EncoderNet(nn.Module):
    """Log-mel ``[B, 2T + 3, 80]`` at 100 Hz to features ``[B, T - back - ahead, width]`` at 50 Hz, where
    ``back, ahead = config.reach``."""

    mean: Tensor
    spread: Tensor

    def __init__(self, config: EncoderConfig = EncoderConfig()) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(BANDS, config.width, 3)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2)
        self.position = nn.Parameter(torch.zeros(config.width))  # where Whisper adds a position
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.register_buffer("mean", torch.zeros(config.width))
        self.register_buffer("spread", torch.ones(config.width))

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel.mT)))).mT + self.position
        for layer in self.layers:
            x = layer(x)
        return (x - self.mean) / self.spread


FORMAT = Format("emogene-speech-encoder", 1, "a speech encoder", EncoderConfig, EncoderNet)


class SpeechEncoder(Stage):
    """Mel power ``[T, 2, 80]`` at 50 Hz (:class:`MelSpectrum`) and a gain ``[T]`` (:class:`Gain`) ->
    features ``[T, width]`` float16 at 50 Hz, frame k at k/50 s.

    Each feature is (but for rounding) 0 in silence and has variance 1 over speech. What comes before and
    after a recording is silence.
    """

    heard = rate = SPEECH_FPS
    weights: tuple[Path, ...] = ()
    """The files that it was opened from."""

    def __init__(self, net: EncoderNet, device: str | torch.device = "cpu") -> None:
        self.net = net.to(device).eval()
        self.device = torch.device(device)
        self._back, self._ahead = net.config.reach
        self.look_back, self.look_ahead = self._back + 1, self._ahead + 1  # and the convolutions' rows
        if packable(self.device):
            pack(self.net)

    @classmethod
    def from_embedded(cls, device: str | torch.device = "cpu") -> "SpeechEncoder":
        """The encoder that the package brings."""
        return cls.open(assets() / ASSET, device)

    @classmethod
    def open(cls, path: str | Path, device: str | torch.device = "cpu") -> "SpeechEncoder":
        """Of a file that ``training/speech_encoder.py`` wrote; EmoGeneError where it is not one."""
        net, _ = open_network(path, FORMAT)
        encoder = cls(net, device)
        encoder.weights = (Path(path),)
        return encoder

    @property
    def features(self) -> int:
        """How many there are."""
        return self.net.config.width

    @torch.inference_mode()
    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        power, gain = inputs
        before, after = self._back + 1, self._ahead + 1
        mel = log_mel(np.pad(power, ((before, after), (0, 0), (0, 0))), np.pad(gain, (before, after), "edge"))
        rows = torch.from_numpy(mel.reshape(-1, BANDS)[:-1]).to(self.device)
        return (self.net(rows[None])[0].half().cpu().numpy(),)

    def encode(self, samples: np.ndarray, gain: float = 1.0) -> np.ndarray:
        """Features ``[ceil(n / 320), width]`` of ``gain * samples [n]``, 16 kHz mono, n at least 1."""
        duration = Fraction(len(samples), SAMPLE_RATE)
        (power,) = run(MelSpectrum(), samples, duration=duration)
        return run(self, power, np.full(len(power), gain, np.float32), duration=duration)[0]
