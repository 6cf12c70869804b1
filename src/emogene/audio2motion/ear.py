"""The small listener of the embedded model: it takes HuBERT's place in front of the VAE."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from emogene.audio.spectrum import MEL_BANDS
from emogene.audio.speech import Speech

RANGE = 10.0  # nepers of power below the loudest speech that are heard: 43 dB
QUIETEST = -36.5  # dB; a recording whose loud moments are below is not turned up, so that silence is 0


@dataclass(frozen=True)
class EarConfig:
    channels: int = 128
    dilations: tuple[int, ...] = (1, 2, 4)


class Ear(nn.Module):
    """Normalised log-mel ``[B, T, 80]`` to features ``[B, T, channels]``, both 50 Hz, by dilated
    convolutions."""

    def __init__(self, config: EarConfig) -> None:
        super().__init__()
        width = config.channels
        self.first = nn.Sequential(
            nn.Conv1d(MEL_BANDS, width, 5, padding=2), nn.BatchNorm1d(width), nn.GELU()
        )
        self.rest = nn.ModuleList(
            nn.Sequential(nn.Conv1d(width, width, 3, padding=d, dilation=d), nn.BatchNorm1d(width), nn.GELU())
            for d in config.dilations
        )

    def forward(self, mel: Tensor) -> Tensor:
        x = self.first(mel.mT)
        for layer in self.rest:
            x = x + layer(x)
        return x.mT


def normalise(mel: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """Log-mel ``[T, 80]`` relative to the recording's loud moments (the 95th percentile), as 0..about 1.5;
    0 is silence, which is also what convolutions see beyond the ends.

    So a whisper recorded close and a voice far away look alike, and the noise floor is cut away; silence
    stays silence.
    """
    level = max(float(np.quantile(loudness, 0.95)), QUIETEST) * np.log(10) / 10
    return (np.maximum(mel - level, -RANGE) / RANGE + 1).astype(np.float32)


def heard(speech: Speech, rows: int) -> tuple[Tensor, Tensor]:
    """Normalised mel ``[1, rows, 80]`` and f0 ``[1, rows]``, followed by silence up to ``rows``."""
    mel = normalise(speech.mel, speech.loudness)[:rows]
    missing = rows - len(mel)
    mel = np.pad(mel, ((0, missing), (0, 0)))
    f0 = np.pad(speech.f0[:rows], (0, missing))
    return torch.from_numpy(mel)[None], torch.from_numpy(f0)[None]
