"""The small listener of the embedded model: from the speech encoder's features to what the VAE is told, where
the official model has HuBERT's."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class EarConfig:
    """Sizes of :class:`Ear`."""

    inputs: int = 512
    channels: int = 128
    dilations: tuple[int, ...] = (1, 2)
    dropout: float = 0.1


class Ear(nn.Module):
    """Features of speech ``[B, T, inputs]``, 0 in silence, to ``[B, T, channels]``, both 50 Hz, by dilated
    convolutions."""

    def __init__(self, config: EarConfig) -> None:
        super().__init__()
        width = config.channels
        self.first = nn.Sequential(
            nn.Dropout(config.dropout), nn.Conv1d(config.inputs, width, 1), nn.BatchNorm1d(width), nn.GELU()
        )
        self.rest = nn.ModuleList(
            nn.Sequential(nn.Conv1d(width, width, 3, padding=d, dilation=d), nn.BatchNorm1d(width), nn.GELU())
            for d in config.dilations
        )

    def forward(self, features: Tensor) -> Tensor:
        x = self.first(features.mT)
        for layer in self.rest:
            x = x + layer(x)
        return x.mT
