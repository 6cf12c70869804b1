"""Which emotion is heard: a small convolutional network on log-mel and prosody, pooled over three seconds."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emogene.emotalk.emotion import HEARD
from emogene.emotalk.features import N_MEL, N_PROSODY

STRIDE = 4  # input frames (50 Hz) per output frame (12.5 Hz)
REACH = 200  # input frames an output sees on each side, rounded up
_SPEECH_HZ = 50


@dataclass(frozen=True)
class ListenerConfig:
    """Sizes of the listener."""

    channels: tuple[int, int, int, int] = (24, 48, 64, 96)  # of the four convolutions over time and frequency
    width: int = 160  # of the embedding before pooling
    heads: int = 4  # attention weights per frame
    prosody: int = 32
    window: float = 5.0  # seconds; Hann, so about half of it counts
    dropout: float = 0.3


class Listener(nn.Module):
    """``[B, T50, 83]`` features -> ``[B, T50/4, 9]``: logits of the eight emotions and of "strong".

    Every output is attentive statistics pooling (Okabe, Koshinaka & Shinoda 2018: weighted mean and standard
    deviation) over a Hann window around it, so the emotion is heard over time with bounded look-ahead.
    """

    def __init__(self, config: ListenerConfig = ListenerConfig()) -> None:
        super().__init__()
        self.config = config
        a, b, c, d = config.channels
        self.spectrum = nn.Sequential(
            _convolution(1, a, 5, (2, 2)),
            _convolution(a, b, 3, (1, 2)),
            _convolution(b, c, 3, (2, 2)),
            nn.Dropout2d(config.dropout / 3),
            _convolution(c, d, 3, (1, 2)),
        )
        self.prosody = nn.Sequential(nn.Conv1d(N_PROSODY, config.prosody, 9, STRIDE, 4), nn.ReLU())
        self.embed = nn.Sequential(
            nn.Conv1d(d * N_MEL // 16 + config.prosody, config.width, 1, bias=False),
            nn.BatchNorm1d(config.width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Conv1d(config.width, config.width, 5, padding=2, bias=False),
            nn.BatchNorm1d(config.width),
            nn.ReLU(),
        )
        self.attention = nn.Conv1d(config.width, config.heads, 1)
        self.classify = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(2 * config.width, len(HEARD) + 1))

    def frames(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding ``[B, width, T50/4]`` and attention ``[B, heads, T50/4]`` (positive) of every frame."""
        mel, prosody = columns[..., :N_MEL], columns[..., N_MEL:]
        image = self.spectrum(mel[:, None])
        flat = image.permute(0, 1, 3, 2).flatten(1, 2)
        embedding = self.embed(torch.cat([flat, self.prosody(prosody.transpose(1, 2))], dim=1))
        return embedding, self.attention(embedding).clamp(-8, 8).exp()

    def forward(self, columns: Tensor) -> Tensor:
        embedding, attention = self.frames(columns)
        weight = attention.repeat_interleave(self.config.width // self.config.heads, dim=1)
        total = self._window_sum(attention).repeat_interleave(self.config.width // self.config.heads, dim=1)
        mean = self._window_sum(weight * embedding) / total
        square = self._window_sum(weight * embedding**2) / total
        deviation = (square - mean**2).clamp_min(1e-5).sqrt()
        return self.classify(torch.cat([mean, deviation], dim=1).transpose(1, 2))

    def _window_sum(self, values: Tensor) -> Tensor:
        """``[B, C, T] -> [B, C, T]`` weighted by the Hann window around each frame."""
        time = torch.arange(values.shape[-1], device=values.device) * (STRIDE / _SPEECH_HZ)
        distance = (time[:, None] - time).abs() / (self.config.window / 2)
        return values @ torch.cos(torch.pi / 2 * distance.clamp(max=1)).square().to(values)


def _convolution(inputs: int, outputs: int, kernel: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
