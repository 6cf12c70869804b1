"""The embedded lip branch: speech to the 68 points, true to the sound, at 25 fps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emogene.audio.encoder import SpeechEncoder
from emogene.audio.speech import Speech
from emogene.audio2motion.ear import Ear, EarConfig
from emogene.audio2motion.vae import PitchContourVAE, VAEConfig, freeze
from emogene.face.landmarks import Landmarks
from emogene.face.space import LandmarkSpace
from emogene.weights.embedded import assets
from emogene.weights.file import Format, open_network

ASSET = assets() / "audio2motion.safetensors"
WINDOW = 1024  # video frames computed at a time
MARGIN = 96  # frames heard on either side of a window: more than the network's reach, so windows join exactly


@dataclass(frozen=True)
class LipConfig:
    """Sizes of :class:`LipNet`."""

    ear: EarConfig
    vae: VAEConfig


class LipNet(nn.Module):
    """Ear, VAE and the mouth shapes ``basis [K, 68, 3]`` (decimetres a unit) that the VAE's outputs weigh."""

    basis: Tensor

    def __init__(self, config: LipConfig) -> None:
        super().__init__()
        self.config = config
        self.ear = Ear(config.ear)
        self.vae = PitchContourVAE(config.vae)
        self.register_buffer("basis", torch.zeros(config.vae.outputs, 68, 3))

    def condition(self, features: Tensor, f0: Tensor) -> Tensor:
        """``[B, T, channels]`` for the speech encoder's features ``[B, 2T, 512]`` and f0 ``[B, 2T]`` in
        Hz."""
        return self.vae.condition(self.ear(features), f0)

    def forward(self, features: Tensor, f0: Tensor, normal: Tensor) -> Tensor:
        """Coefficients ``[B, T, K]``; ``normal [B, latent, T/4]``: noise times temperature."""
        return self.vae.sample(self.condition(features, f0), normal)

    def displacement(self, coefficients: Tensor) -> Tensor:
        """``[..., K] -> [..., 68, 3]`` decimetres."""
        return torch.einsum("...k,kpc->...pc", coefficients, self.basis)


FORMAT = Format("emogene-audio2motion", 2, "lip weights", LipConfig, LipNet)


class Audio2Motion:
    """Speech to lip-synced landmarks, windowed: memory beside the result is constant in the length.

    The same seed gives the same motion. Silence gives the neutral face.
    """

    def __init__(
        self,
        net: LipNet,
        encoder: SpeechEncoder,
        device: str | torch.device = "cpu",
        learnt_from: tuple[str, ...] = (),
    ) -> None:
        self.net = net.to(device).eval()
        freeze(self.net)
        self.encoder = encoder
        self.device = torch.device(device)
        self.learnt_from = learnt_from  # checksums (crc32, hex) of the sound files of its training

    @classmethod
    def from_embedded(
        cls, device: str | torch.device = "cpu", encoder: SpeechEncoder | None = None
    ) -> "Audio2Motion":
        """With the weights that come with the package (CC BY 4.0, see MODEL_CARD.md); the ``encoder`` may be
        shared with the emotion branch, which then need not hear the recording again."""
        return cls.open(ASSET, device, encoder)

    @classmethod
    def open(
        cls, path: Path, device: str | torch.device = "cpu", encoder: SpeechEncoder | None = None
    ) -> "Audio2Motion":
        """With the weights of a file that ``training/audio2motion.py`` wrote; EmoGeneError where it is not
        one."""
        net, notes = open_network(path, FORMAT)
        encoder = encoder or SpeechEncoder.from_embedded(device)
        return cls(net, encoder, device, tuple(notes.get("learnt_from", "").split()))

    @torch.no_grad()
    def __call__(
        self,
        speech: Speech,
        frames: int,
        neutral: np.ndarray,
        seed: int = 0,
        temperature: float = 0.1,
    ) -> Landmarks:
        """``frames`` faces at 25 fps on ``neutral [68, 3]`` (canonical space, decimetres, lips closed).

        ``temperature``: how far from the most likely motion (0) the seed may lead. Beyond the end of the
        speech there is silence.
        """
        stride = self.net.vae.config.stride
        padded = -(-frames // stride) * stride
        features, f0 = self.encoder.hear(speech), speech.f0
        noise = torch.randn(
            padded // stride, self.net.vae.config.latent, generator=torch.Generator().manual_seed(seed)
        )
        normal = temperature * noise.T[None]
        points = np.empty((padded, *self.net.basis.shape[1:]), np.float32)
        for inner, outer in windows(padded):
            rows = slice(2 * outer.start, 2 * outer.stop)
            coefficients = self.net(
                self._piece(features, rows),
                self._piece(f0, rows),
                normal[:, :, outer.start // stride : outer.stop // stride].to(self.device),
            )
            kept = coefficients[0, inner.start - outer.start : inner.stop - outer.start]
            points[inner] = self.net.displacement(kept).cpu().numpy()
        return Landmarks.of(points[:frames] + neutral.astype(np.float32))

    def _piece(self, values: np.ndarray, rows: slice) -> Tensor:
        """``[1, rows, ...]`` float32, followed by zeros, which are silence, beyond the end of ``values``."""
        piece = torch.from_numpy(values[rows]).to(self.device, torch.float32)
        missing = rows.stop - rows.start - len(piece)
        return torch.cat([piece, piece.new_zeros(missing, *piece.shape[1:])])[None]

    def speak(self, speech: Speech, frames: int, space: LandmarkSpace, seed: int = 0) -> Landmarks:
        """The motion of an avatar, from its resting face."""
        return self(speech, frames, space.neutral, seed)


def windows(frames: int) -> Iterator[tuple[slice, slice]]:
    """What to keep and what to compute, so that every kept frame has its whole context."""
    for start in range(0, frames, WINDOW):
        stop = min(start + WINDOW, frames)
        yield slice(start, stop), slice(max(0, start - MARGIN), min(stop + MARGIN, frames))
