"""Speech to what is said and how it is said: features at 50 Hz from the first layers of Whisper, made local.

Log-mel shows a voice; these features show speech: they change little with the speaker, the room and the
microphone, and an emotion stands out of them. The layers attend one second back and 0.16 s ahead by relative
position, so a stream, a window of a long file and the whole file give the same numbers.
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emogene.audio.loudness import HOP
from emogene.audio.mel import BANDS, log_mel
from emogene.audio.speech import Speech
from emogene.packed import pack, packable
from emogene.weights.embedded import assets
from emogene.weights.file import Format, open_network

ASSET = "speech_encoder.safetensors"
LOUD, QUIETEST = -18.0, -36.5  # dB of full scale
_WINDOW = 1500  # frames computed at a time: 30 s
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
        self.distance = nn.Parameter(torch.zeros(config.heads, config.back + 1 + config.ahead))
        self.attended = nn.Linear(config.width, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.grow = nn.Linear(config.width, config.hidden)
        self.shrink = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        normal = self.attention_norm(x)
        inside = slice(self.back, x.shape[1] - self.ahead)
        x = x[:, inside] + self.attended(self._attend(self.query(normal[:, inside]), self.key_value(normal)))
        return x + self.shrink(F.gelu(self.grow(self.norm(x))))

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
        device = self.distance.device
        place = torch.arange(span, device=device) - torch.arange(_BLOCK, device=device)[:, None]
        reach = self.distance.shape[1]
        bias = self.distance[:, place.clamp(0, reach - 1)]
        return bias.masked_fill((place < 0) | (place >= reach), -torch.inf)


class EncoderNet(nn.Module):
    """Log-mel ``[B, 2T + 3, 80]`` at 100 Hz to features ``[B, T - back - ahead, width]`` at 50 Hz, where
    ``back, ahead = config.reach``."""

    mean: Tensor
    spread: Tensor

    def __init__(self, config: EncoderConfig = EncoderConfig()) -> None:
        super().__init__()
        self.config = config
        self.hear = nn.Conv1d(BANDS, config.width, 3)
        self.halve = nn.Conv1d(config.width, config.width, 3, stride=2)
        self.place = nn.Parameter(torch.zeros(config.width))  # where Whisper adds a position
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.register_buffer("mean", torch.zeros(config.width))
        self.register_buffer("spread", torch.ones(config.width))

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.halve(F.gelu(self.hear(mel.mT)))).mT + self.place
        for layer in self.layers:
            x = layer(x)
        return (x - self.mean) / self.spread


class SpeechEncoder:
    """Features of speech. ``back`` and ``ahead`` are the frames of 20 ms that one output sees."""

    def __init__(self, net: EncoderNet, device: str | torch.device = "cpu") -> None:
        self.net = net.to(device).eval()
        self.device = torch.device(device)
        self.back, self.ahead = net.config.reach
        self._heard: WeakKeyDictionary[Speech, np.ndarray] = WeakKeyDictionary()
        if packable(self.device):
            pack(self.net)

    @classmethod
    def from_embedded(cls, device: str | torch.device = "cpu") -> "SpeechEncoder":
        """The encoder that the package brings."""
        net, _ = open_network(assets() / ASSET, FORMAT)
        return cls(net, device)

    @property
    def features(self) -> int:
        """How many there are."""
        return self.net.config.width

    def encode(self, samples: np.ndarray, gain: float = 1.0, window: int = _WINDOW) -> np.ndarray:
        """``gain * samples [n]`` float32 at 16 kHz mono -> ``[ceil(n/320), features]`` float16, frame k at
        k/50 s.

        Each feature is (but for rounding) 0 in silence and has variance 1 over speech. ``window`` frames are
        computed at a time: the result depends on it by rounding only, memory is the result's alone.
        """
        frames = -(-len(samples) // HOP)
        features = np.empty((frames, self.features), np.float16)
        for start in range(0, frames, window):
            stop = min(start + window, frames)
            features[start:stop] = self._window(samples, gain, start, stop)
        return features

    def hear(self, speech: Speech) -> np.ndarray:
        """:meth:`encode` of ``speech`` turned to the level of the training's. Kept for as long as ``speech``,
        so that two stages may ask and one computes."""
        if speech not in self._heard:
            self._heard[speech] = self.encode(speech.samples, gain(speech.loudness))
        return self._heard[speech]

    @torch.inference_mode()
    def _window(self, samples: np.ndarray, gain: float, start: int, stop: int) -> np.ndarray:
        mel = torch.from_numpy(log_mel(samples, start - self.back, stop + self.ahead, gain))
        return self.net(mel[None].to(self.device))[0].half().cpu().numpy()


def gain(loudness: np.ndarray) -> float:
    """The factor that brings the loud moments (95th percentile of ``loudness [T]`` in dB) to LOUD. What has
    none is not turned up as far, so that silence stays silence."""
    level = max(float(np.quantile(loudness, 0.95)), QUIETEST)
    return 10 ** ((LOUD - level) / 20)


FORMAT = Format("emogene-speech-encoder", 1, "a speech encoder", EncoderConfig, EncoderNet)
