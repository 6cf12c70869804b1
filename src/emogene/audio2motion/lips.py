"""The embedded lip branch: speech to the 68 points, true to the sound, at 25 fps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emogene import seeded
from emogene.audio import Speech
from emogene.audio2motion.ear import Ear, EarConfig
from emogene.audio2motion.vae import PitchContourVAE, VAEConfig, freeze
from emogene.clock import SPEECH_FPS, VIDEO_FPS
from emogene.face.landmarks import Landmarks
from emogene.face.space import LandmarkSpace
from emogene.stream import Stage, Stream
from emogene.weights.embedded import assets
from emogene.weights.file import Format, open_network

ASSET = assets() / "audio2motion.safetensors"
REACH = 72, 64
"""Frames of 20 ms that a face depends on, before and after: what lies beyond moves nothing by a nanometre."""
TEMPERATURE = 0.1


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
    """Stage 2, embedded: speech to lip-synced landmarks. The same seed gives the same motion; silence gives
    the neutral face."""

    weights: tuple[Path, ...] = ()
    """The files that it was opened from."""

    def __init__(
        self, net: LipNet, device: str | torch.device = "cpu", learnt_from: tuple[str, ...] = ()
    ) -> None:
        self.net = net.to(device).eval()
        freeze(self.net)
        self.device = torch.device(device)
        self.learnt_from = learnt_from  # checksums (crc32, hex) of the sound files of its training

    @classmethod
    def from_embedded(cls, device: str | torch.device = "cpu") -> "Audio2Motion":
        """With the weights that come with the package (CC BY 4.0, see MODEL_CARD.md)."""
        return cls.open(ASSET, device)

    @classmethod
    def open(cls, path: Path, device: str | torch.device = "cpu") -> "Audio2Motion":
        """With the weights of a file that ``training/audio2motion.py`` wrote; EmoGeneError where it is not
        one."""
        net, notes = open_network(path, FORMAT)
        model = cls(net, device, tuple(notes.get("learnt_from", "").split()))
        model.weights = (path,)
        return model

    def stream(self, space: LandmarkSpace, seed: int = 0) -> "LipMotion":
        """One recording, spoken by the avatar whose landmarks are ``space``."""
        return LipMotion(self, space.neutral, seed)

    def __call__(
        self, speech: Speech, neutral: np.ndarray, seed: int = 0, temperature: float = TEMPERATURE
    ) -> Landmarks:
        """A whole recording as ceil(25 duration) faces at 25 fps on ``neutral [68, 3]`` (canonical space,
        decimetres, lips closed)."""
        found = LipMotion(self, neutral, seed, temperature).push(speech)
        assert found is not None
        return Landmarks.of(found)


class LipMotion:
    """Speech to faces, piece by piece."""

    def __init__(
        self, model: Audio2Motion, neutral: np.ndarray, seed: int, temperature: float = TEMPERATURE
    ) -> None:
        self._stream = Stream(LipStage(model.net, model.device, seed, temperature))
        self._neutral = neutral.astype(np.float32)

    def push(self, speech: Speech) -> np.ndarray | None:
        """The next faces ``[T, 68, 3]`` at 25 fps, canonical space, decimetres; None where there are none."""
        (displacement,) = self._stream.push(speech.features, speech.f0, end=speech.end)
        return None if displacement is None else displacement + self._neutral


class LipStage(Stage):
    """Features ``[T, 512]`` and f0 ``[T]`` at 50 Hz -> displacements from rest ``[T / 2, 68, 3]`` float32 at
    25 fps, decimetres.

    ``temperature``: how far from the most likely motion (0) the seed may lead. After a recording there is
    silence.
    """

    heard, rate = SPEECH_FPS, VIDEO_FPS

    def __init__(self, net: LipNet, device: torch.device, seed: int, temperature: float) -> None:
        self.net, self.device, self.seed, self.temperature = net, device, seed, temperature
        self.step = 2 * net.vae.config.stride  # one latent
        self.look_back, self.look_ahead = REACH

    @torch.inference_mode()
    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        config, latents = self.net.vae.config, -(-len(inputs[0]) // self.step)
        features, f0 = (self._padded(rows, latents * self.step) for rows in inputs)
        start = first // self.step
        noise = seeded.normal((self.seed, 1), start, start + latents, config.latent)
        normal = torch.from_numpy(self.temperature * noise.T[None]).float().to(self.device)
        return (self.net.displacement(self.net(features, f0, normal)[0]).cpu().numpy(),)

    def _padded(self, rows: np.ndarray, length: int) -> Tensor:
        """``[1, length, ...]`` float32; zeros, which are silence, at the end."""
        piece = torch.from_numpy(rows).to(self.device, torch.float32)
        return torch.cat([piece, piece.new_zeros(length - len(piece), *piece.shape[1:])])[None]
