"""The official audio-to-motion checkpoint of GeneFace++, with the features it was trained on.

Praat's pitch (parselmouth) comes with the extra ``official`` and is imported only when asked for. Motion is
64 coefficients of the Basel face model's expression basis at 25 fps.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emogene.audio2motion.vae import PitchContourVAE, VAEConfig, freeze
from emogene.clock import SAMPLE_RATE
from emogene.errors import EmoGeneError
from emogene.packed import pack, packable
from emogene.reference.checkpoint import fill, latest_checkpoint, model_state, read_checkpoint
from emogene.reference.named import legacy_key
from emogene.reference.wav2vec2 import Wav2Vec2, Wav2Vec2Config

HUBERT = "hubert-large-ls960-ft"
_HUBERT_FILES = ("pytorch_model.bin", "model.safetensors")
_CHUNK = 320_000  # samples; 1000 frames
_HOP = 320
_REACH = 80  # samples that the last frame needs beyond its hop
_SHORTEST = 400  # samples of one frame
_MULTIPLE = 8  # feature frames; one latent
_TRUNCATED_MEL_FFT = 512


class OfficialAudio2Motion:
    """Samples to expression coefficients, as the reference system computes them."""

    def __init__(self, vae: PitchContourVAE, hubert: Wav2Vec2, device: str | torch.device = "cpu") -> None:
        self.vae, self.hubert = vae.to(device).eval(), hubert.to(device).eval()
        freeze(self.vae)
        self.device = torch.device(device)

    @classmethod
    def open(
        cls, checkpoint: Path, hubert: Path, device: str | torch.device = "cpu"
    ) -> "OfficialAudio2Motion":
        """``checkpoint`` and the encoder ``hubert``: files, or their folders."""
        vae, encoder = load_vae(checkpoint), load_hubert(hubert)
        heard = encoder.feature_projection.projection.out_features
        if heard != vae.config.features:
            raise EmoGeneError(f"{hubert}: gives {heard} features; {checkpoint} wants {vae.config.features}")
        return cls(vae, pack(encoder) if packable(device) else encoder, device)

    @torch.no_grad()
    def __call__(
        self,
        samples: np.ndarray,
        seed: int = 0,
        temperature: float = 0.2,
        mouth_amp: float = 0.4,
        eye_amp: float = 1.0,
        left: np.ndarray | None = None,
    ) -> np.ndarray:
        """``samples [n]`` 16 kHz mono -> ``[T, 64]`` float32 at 25 fps, T the largest multiple of 4 that the
        features reach. Sound shorter than that (0.17 s) is followed by silence first.

        ``left [n]``: of a file in stereo the official code gives HuBERT the left channel alone, and Praat the
        mean of both; if not given, both hear ``samples``.
        """
        shortest = (_MULTIPLE + 1) * _HOP + _REACH
        samples, left = (
            np.pad(sound, (0, max(0, shortest - len(sound))))
            for sound in (samples, samples if left is None else left)
        )
        features = hubert_features(left, self.hubert, self.device)
        rows = len(features) // _MULTIPLE * _MULTIPLE
        f0 = praat_pitch(samples, rows)
        config = self.vae.config
        noise = torch.randn(
            1, config.latent, rows // 2 // config.stride, generator=torch.Generator().manual_seed(seed)
        )
        condition = self.vae.condition(
            torch.from_numpy(features[None, :rows]).to(self.device),
            torch.from_numpy(f0[None]).to(self.device),
            mouth_amp,
            eye_amp,
        )
        return self.vae.sample(condition, temperature * noise.to(self.device))[0].cpu().numpy()


def load_vae(path: Path) -> PitchContourVAE:
    """The network of a checkpoint file, or of the latest in a folder; sizes and variant read from its keys.

    Raises EmoGeneError where it is damaged, another model's, or has keys missing.
    """
    path = latest_checkpoint(path)
    state = model_state(read_checkpoint(path), path)
    try:
        config = VAEConfig.of(state)
    except (KeyError, ValueError) as error:
        raise EmoGeneError(f"{path}: not an audio-to-motion checkpoint (no {error})") from None
    vae = PitchContourVAE(config)
    fill(vae, state, path)
    return vae.eval()


def hubert_file(folder: Path) -> Path:
    """The weights in HuBERT's folder; a file is returned as it is. EmoGeneError says what to fetch."""
    if folder.is_file():
        return folder
    path = next((folder / name for name in _HUBERT_FILES if (folder / name).is_file()), None)
    if path is None:
        raise EmoGeneError(
            f"{folder}: HuBERT-large is not there; put pytorch_model.bin of huggingface.co/facebook/{HUBERT} "
            "(Apache-2.0, 1.3 GB) into that folder"
        )
    return path


def load_hubert(folder: Path, config: Wav2Vec2Config | None = None) -> Wav2Vec2:
    """HuBERT-large from a local file or folder; nothing is downloaded. EmoGeneError says what is wrong with
    it. ``config``: the sizes; read from the file by default."""
    path = hubert_file(folder)
    state = model_state(read_checkpoint(path), path)
    body = {
        legacy_key(key.removeprefix("hubert.")): value
        for key, value in state.items()
        if not key.startswith("lm_head.")
    }
    with torch.device("meta"):
        hubert = Wav2Vec2(config or _sizes(body))
    fill(hubert, body, path, assign=True)
    return hubert.eval()


def _sizes(state: dict[str, Tensor]) -> Wav2Vec2Config:
    """The checkpoint's own; HuBERT-large's where it is another model's, so as to say what it lacks."""
    try:
        return Wav2Vec2Config.of(state)
    except (KeyError, ValueError, IndexError):
        return Wav2Vec2Config()


@torch.no_grad()
def hubert_features(samples: np.ndarray, hubert: Wav2Vec2, device: str | torch.device = "cpu") -> np.ndarray:
    """``samples [n]`` -> ``[floor((n - 80) / 320), width]`` float32 at 50 Hz.

    Normalised over the whole clip, then heard in pieces of 20 s that do not see each other, as the official
    code does it.
    """
    exact = samples.astype(np.float64)
    normal = ((exact - exact.mean()) / np.sqrt(exact.var() + 1e-7)).astype(np.float32)
    pieces = [hubert(piece.to(device))[0].cpu() for piece in _chunks(normal)]
    return torch.cat(pieces)[: (len(samples) - _REACH) // _HOP].numpy()


def _chunks(samples: np.ndarray) -> list[Tensor]:
    full = max(0, (len(samples) - _REACH) // _CHUNK)
    pieces = [samples[i * _CHUNK : (i + 1) * _CHUNK + _REACH] for i in range(full)]
    rest = samples[full * _CHUNK :]
    if len(rest) >= _SHORTEST:
        pieces.append(rest)
    return [torch.from_numpy(piece)[None] for piece in pieces]


def praat_pitch(samples: np.ndarray, rows: int) -> np.ndarray:
    """``samples [n]`` -> f0 ``[rows]`` float32 in Hz at 50 Hz, 0 where unvoiced, by Praat's
    autocorrelation."""
    try:
        import parselmouth
    except ImportError:
        raise EmoGeneError("Praat's pitch needs parselmouth: pip install 'emogene[official]'") from None
    padded = np.pad(samples.astype(np.float64), (0, _HOP - len(samples) % _HOP))
    pitch = parselmouth.Sound(padded, SAMPLE_RATE).to_pitch_ac(
        time_step=_HOP / SAMPLE_RATE, voicing_threshold=0.6, pitch_floor=80, pitch_ceiling=750
    )
    f0 = pitch.selected_array["frequency"]
    mel_rows = 1 + max(0, len(samples) - _TRUNCATED_MEL_FFT) // _HOP
    f0 = np.pad(f0, (0, max(0, mel_rows - len(f0))), "edge")[:mel_rows]
    return np.pad(f0, (0, max(0, rows - mel_rows)))[:rows].astype(np.float32)
