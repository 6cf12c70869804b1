"""Which emotion is heard: a small network on features of speech and prosody, pooled over seconds."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emogene.emotalk.emotion import HEARD
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.features import N_PROSODY

STRIDE = 4  # input frames (50 Hz) per output frame (12.5 Hz)
REACH = 200  # input frames an output sees on each side, rounded up
_SPEECH_HZ = 50


@dataclass(frozen=True)
class ListenerConfig:
    """Sizes of the listener."""

    members: int = 2
    inputs: int = 512
    width: int = 192
    heads: int = 4  # attention weights per frame
    window: float = 5.0  # seconds; Hann, so about half of it counts
    dropout: float = 0.3


class Listener(nn.Module):
    """``[B, T50, 515]`` features and prosody -> ``[B, T50/4, 26]``: logits of the eight emotions and of
    "strong", and 17 AU intensities (OpenFace's, above the speaker's neutral face).

    The mean of several :class:`Member` networks, which err less together than alone.
    """

    def __init__(self, config: ListenerConfig = ListenerConfig()) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(Member(config) for _ in range(config.members))

    def forward(self, columns: Tensor) -> Tensor:
        return torch.stack([member(columns) for member in self.members]).mean(0)


class Member(nn.Module):
    """One voice of the listener.

    Every output is attentive statistics pooling (Okabe, Koshinaka & Shinoda 2018: weighted mean and standard
    deviation) over a Hann window around it, so the emotion is heard over time with bounded look-ahead.
    """

    def __init__(self, config: ListenerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Sequential(
            nn.Dropout(config.dropout / 2),
            nn.Conv1d(config.inputs + N_PROSODY, width, 1, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Conv1d(width, width, 5, STRIDE, padding=2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.attention = nn.Conv1d(width, config.heads, 1)
        self.classify = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(2 * width, len(HEARD) + 1 + len(ACTION_UNITS))
        )

    def forward(self, columns: Tensor) -> Tensor:
        embedding = self.embed(columns.mT)
        attention = self.attention(embedding).clamp(-8, 8).exp()
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
