"""Speech to what is said and how: features at 50 Hz from a small network distilled from Whisper.

Log-mel shows a voice; these features show speech: they change little with the speaker, the room and the
microphone. The network is a stack of convolutions that look 2 s back and 0.7 s ahead and no further, so a
stream, a window of a long file and the whole file give the same numbers.
"""

import json
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn import functional as F

from emogene.audio.spectrum import FFT, HOP, MEL_BANDS, spectrum
from emogene.errors import EmoGeneError

ASSET = "speech_encoder.safetensors"
FEATURES = 128
LEVEL, SPREAD = 9.0, 4.0  # log-mel as the network sees it: about -2.4..2
_WINDOW = 3000  # frames computed at a time: 60 s


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the network. Each block sees ``kernel`` taps, ``ahead`` of them in the future."""

    width: int = 192
    hidden: int = 576
    features: int = FEATURES
    kernel: int = 9
    ahead: int = 2
    dilations: tuple[int, ...] = (1, 1, 2, 2, 4, 4, 1, 1)

    @property
    def reach(self) -> tuple[int, int]:
        """How many frames of 20 ms an output sees before and after its own."""
        span = sum(self.dilations)
        return (self.kernel - 1 - self.ahead) * span + 1, self.ahead * span + 1


class Block(nn.Module):
    """ConvNeXt's block in one dimension (Liu et al. 2022), unpadded: ``[B, T, C] -> [B, T - span, C]``."""

    def __init__(self, config: EncoderConfig, dilation: int) -> None:
        super().__init__()
        self.back = (config.kernel - 1 - config.ahead) * dilation
        self.ahead = config.ahead * dilation
        self.mix = nn.Conv1d(
            config.width, config.width, config.kernel, dilation=dilation, groups=config.width
        )
        self.norm = nn.LayerNorm(config.width)
        self.grow = nn.Linear(config.width, config.hidden)
        self.shrink = nn.Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mix(x.mT).mT
        update = self.shrink(F.gelu(self.grow(self.norm(mixed))))
        return x[:, self.back : x.shape[1] - self.ahead] + update


class EncoderNet(nn.Module):
    """Scaled log-mel ``[B, T, 160]`` (two frames of 10 ms side by side) to ``[B, T - back - ahead, D]``,
    50 Hz; ``back`` and ``ahead`` are ``config.reach``."""

    def __init__(self, config: EncoderConfig = EncoderConfig()) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Conv1d(2 * MEL_BANDS, config.width, 3)
        self.blocks = nn.ModuleList(Block(config, dilation) for dilation in config.dilations)
        self.norm = nn.LayerNorm(config.width)
        self.leave = nn.Linear(config.width, config.features)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.enter(mel.mT).mT
        for block in self.blocks:
            x = block(x)
        return self.leave(self.norm(x))


def listen(samples: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Scaled log-mel ``[stop - start, 160]`` float32 of frames ``start`` to ``stop``, which may lie outside
    the clip (silence). Frame k holds the spectra centred at k/50 s and 10 ms later, side by side."""
    first, last = (start - 1) * HOP, stop * HOP + FFT
    piece = samples[max(first, 0) : max(last, 0)]
    piece = np.pad(piece, (min(max(-first, 0), last - first), 0))
    spectra = [spectrum(piece[shift:], stop - start + 1)[0][1:] for shift in (0, HOP // 2)]
    return (np.concatenate(spectra, axis=1) + LEVEL) / SPREAD


class SpeechEncoder:
    """Features of speech. ``back`` and ``ahead`` are the frames of 20 ms that one output sees."""

    def __init__(self, net: EncoderNet, device: str | torch.device = "cpu") -> None:
        self.net = net.to(device).eval()
        self.device = torch.device(device)
        self.back, self.ahead = net.config.reach

    @classmethod
    def from_embedded(cls, device: str | torch.device = "cpu") -> "SpeechEncoder":
        """The encoder that the package brings."""
        with as_file(files("emogene") / "assets" / ASSET) as path:
            return cls(load(path), device)

    @property
    def features(self) -> int:
        """How many there are."""
        return self.net.config.features

    def encode(self, samples: np.ndarray, window: int = _WINDOW) -> np.ndarray:
        """``samples [n]`` float32 at 16 kHz mono -> ``[ceil(n/320), features]`` float32, frame k at k/50 s.

        Each feature has mean 0 and variance 1 over the speech it was made from. ``window`` frames are
        computed at a time: the result depends on it by rounding only, memory is the result's alone.
        """
        frames = -(-len(samples) // HOP)
        starts = range(0, frames, window)
        pieces = [self._window(samples, start, min(start + window, frames)) for start in starts]
        return np.concatenate([np.zeros((0, self.features), np.float32), *pieces])

    @torch.inference_mode()
    def _window(self, samples: np.ndarray, start: int, stop: int) -> np.ndarray:
        mel = torch.from_numpy(listen(samples, start - self.back, stop + self.ahead))
        return self.net(mel[None].to(self.device))[0].float().cpu().numpy()


def save(net: EncoderNet, path: Path, notes: dict[str, str]) -> None:
    """Write ``net`` as float16 safetensors with its sizes and ``notes`` (licence, source) beside it."""
    tensors = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    path.write_bytes(to_bytes(tensors, {"config": json.dumps(asdict(net.config))} | notes))


def load(path: Path) -> EncoderNet:
    """The net in float32. Raises EmoGeneError where the file is not one that :func:`save` wrote."""
    try:
        with safe_open(path, "pt") as file:
            sizes = json.loads(file.metadata()["config"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        net = EncoderNet(EncoderConfig(**sizes | {"dilations": tuple(sizes["dilations"])}))
        net.load_state_dict(tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise EmoGeneError(f"{path}: not a speech encoder ({str(error).splitlines()[0]})") from None
    return net.eval()
