"""The official EmoTalk (Peng et al., ICCV 2023): speech to 52 blendshapes at 30 fps, from ``EmoTalk.pth``.

Two wav2vec 2.0 encoders hear content and emotion apart; a transformer decoder joins them. The weights are
CC BY-NC 4.0 and are not part of this package. Parameter names are the official ones.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emogene.errors import EmoGeneError
from emogene.face.arkit import ARKIT_52, blendshapes
from emogene.packed import pack, packable
from emogene.reference.checkpoint import read_checkpoint
from emogene.reference.emotalk_post import postprocess
from emogene.reference.wav2vec2 import Wav2Vec2, Wav2Vec2Config, normalise
from emogene.track import Track

SAMPLE_RATE = 16000
FPS = 30
LONGEST = 5000  # frames that the official code can do; beyond, windows of WINDOW frames are cross-faded
WINDOW, OVERLAP, EDGE = 1500, 300, 75  # frames; the first and last EDGE of an overlap are not trusted
SHORTEST = 720  # samples: two frames of features, which interpolation needs
QUERIES = 512  # frames that attend at once
LEVELS, PERSONS = 2, 24  # one-hot inputs
UNUSED = ("masked_spec_embed", "lm_head.", "audio_encoder_emo.classifier.")


@dataclass(frozen=True)
class EmoTalkConfig:
    """Sizes of :class:`OfficialEmoTalk`; the defaults are the official ones."""

    encoder: Wav2Vec2Config = field(default_factory=lambda: Wav2Vec2Config(vocabulary=32))
    content: int = 512  # width of what is said in the decoder's input
    emotion: int = 256
    level: int = 32
    person: int = 32
    heads: int = 4
    feed_forward: int = 832
    period: int = 30  # frames that share one attention bias
    emotions: int = 7  # of the classifier, which prediction does not use

    @property
    def width(self) -> int:
        return self.content + self.emotion + self.level + self.person

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "EmoTalkConfig":
        """The sizes of a checkpoint, read from its keys (legacy names) and shapes. KeyError or ValueError as
        :meth:`Wav2Vec2Config.of`."""
        rows = {key: len(value) for key, value in state.items() if value.ndim}
        config = cls(
            encoder=Wav2Vec2Config.of(state, "audio_encoder_cont."),
            content=rows["audio_feature_map_cont.weight"],
            emotion=rows["audio_feature_map_emo2.weight"],
            level=rows["obj_vector_level.weight"],
            person=rows["obj_vector_person.weight"],
            feed_forward=rows["transformer_decoder.layers.0.linear1.weight"],
            emotions=rows.get("audio_encoder_emo.classifier.out_proj.weight", cls.emotions),
        )
        if config.width % config.heads:
            raise ValueError(f"no decoder of {config.heads} heads is {config.width} wide")
        return config


class EmotionEncoder(nn.Module):
    """wav2vec 2.0 with a classifier on top."""

    def __init__(self, config: EmoTalkConfig) -> None:
        super().__init__()
        self.wav2vec2 = Wav2Vec2(config.encoder)
        self.classifier = Classifier(config.encoder.hidden, config.emotions)


class Classifier(nn.Module):
    def __init__(self, width: int, emotions: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, emotions)

    def forward(self, hidden: Tensor) -> Tensor:
        """Emotion logits ``[1, emotions]`` of hidden states ``[1, T, width]``."""
        return self.out_proj(torch.tanh(self.dense(hidden.mean(1))))


class OfficialEmoTalk(nn.Module):
    """EmoTalk as released. Build it, or load it with :func:`load_emotalk`, then call :meth:`blendshapes`."""

    def __init__(self, config: EmoTalkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EmoTalkConfig()
        hidden, width = config.encoder.hidden, config.width
        self.audio_encoder_cont = Wav2Vec2(config.encoder)
        self.audio_encoder_emo = EmotionEncoder(config)
        self.audio_feature_map_cont = nn.Linear(hidden, config.content)
        self.audio_feature_map_emo = nn.Linear(hidden, width)
        self.audio_feature_map_emo2 = nn.Linear(width, config.emotion)
        self.obj_vector_level = nn.Linear(LEVELS, config.level)
        self.obj_vector_person = nn.Linear(PERSONS, config.person)
        layer = nn.TransformerDecoderLayer(width, config.heads, config.feed_forward, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, 1)
        self.bs_map_r = nn.Linear(width, len(ARKIT_52))

    @torch.inference_mode()
    def blendshapes(
        self,
        samples: np.ndarray,
        level: int = 1,
        person: int = 0,
        seed: int | None = 0,
    ) -> Track:
        """16 kHz mono ``samples [n]`` to blendshapes ``[T, 52]``, T = ceil(30 n / 16000), of any length.

        ``level`` 0 or 1: how strongly the emotion shows; ``person`` 0..23: whose manner. With a ``seed`` the
        demo's post-processing smooths and adds blinks; without, the network's output is returned as it is.
        """
        weights = self.predict(samples, level, person)
        if seed is not None:
            weights = postprocess(weights, seed)
        return blendshapes(weights.astype(np.float32), Fraction(FPS))

    @torch.inference_mode()
    def predict(
        self, samples: np.ndarray, level: int = 1, person: int = 0, longest: int = LONGEST
    ) -> np.ndarray:
        """The network's output ``[T, 52]`` float32, not post-processed; windowed if T exceeds ``longest``."""
        if samples.ndim != 1 or len(samples) < SHORTEST:
            raise EmoGeneError(f"EmoTalk needs at least {SHORTEST / SAMPLE_RATE * 1000:.0f} ms of mono sound")
        like = self.bs_map_r.bias
        audio = normalise(torch.as_tensor(samples, dtype=torch.float32)[None])
        frames = official_frame_count(len(samples))
        total = np.zeros((frames, len(ARKIT_52)), np.float32)
        for first, last, trust in windows(frames) if frames > longest else [(0, frames, np.ones(frames))]:
            end = len(samples) if last == frames else last * SAMPLE_RATE // FPS
            part = audio[:, first * SAMPLE_RATE // FPS : end].to(like)
            shown = self(part, part, last - first, level, person)[0]
            total[first:last] += trust[:, None] * shown.float().cpu().numpy()
        return total

    def forward(self, content: Tensor, emotion: Tensor, frames: int, level: int, person: int) -> Tensor:
        """Blendshapes ``[1, frames, 52]`` with the words of ``content`` and the emotion of ``emotion``.

        Both are normalised audio ``[1, n]``.
        """
        said = self.audio_feature_map_cont(self.hear_content(content, frames))
        felt = self.audio_feature_map_emo(self.hear_emotion(emotion, frames))
        shown = F.relu(self.audio_feature_map_emo2(felt))
        strength = self.obj_vector_level(_one_hot(level, LEVELS, felt)).expand(1, frames, -1)
        manner = self.obj_vector_person(_one_hot(person, PERSONS, felt)).expand(1, frames, -1)
        return self.bs_map_r(self.decode(torch.cat([said, shown, strength, manner], -1), felt))

    def hear_content(self, audio: Tensor, frames: int) -> Tensor:
        """Hidden states of the content encoder at 30 fps ``[1, frames, hidden]``."""
        features = self.audio_encoder_cont.features(audio)
        return self.audio_encoder_cont.encode(stretch(features, frames))

    def hear_emotion(self, audio: Tensor, frames: int) -> Tensor:
        """Hidden states of the emotion encoder ``[1, frames, hidden]``: at its own 30 fps, then stretched."""
        encoder = self.audio_encoder_emo.wav2vec2
        features = encoder.features(audio)
        own_frames = int((features.shape[1] / 50.0) * FPS)
        return stretch(encoder.encode(stretch(features, own_frames)), frames)

    def decode(self, x: Tensor, memory: Tensor) -> Tensor:
        """The one decoder layer ``[1, T, width]``; of the memory, frame t attends to frame t only."""
        layer = self.transformer_decoder.layers[0]
        assert isinstance(layer, nn.TransformerDecoderLayer)
        x = layer.norm1(x + self._attend(layer.self_attn, x))
        cross = layer.multihead_attn
        values = F.linear(memory, cross.in_proj_weight[-x.shape[-1] :], cross.in_proj_bias[-x.shape[-1] :])
        x = layer.norm2(x + cross.out_proj(values))
        return layer.norm3(x + layer.linear2(F.relu(layer.linear1(x))))

    def _attend(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        """Causal self-attention with the periodic bias, a block of queries at a time."""
        heads, time = self.config.heads, torch.arange(x.shape[1], device=x.device)
        projected = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        q, k, v = (p.unflatten(-1, (heads, -1)).transpose(1, 2) for p in projected.chunk(3, -1))
        blocks = []
        for first in range(0, x.shape[1], QUERIES):
            now, last = time[first : first + QUERIES], min(first + QUERIES, x.shape[1])
            bias = periodic_bias(now, time[:last], heads, self.config.period).to(x.dtype)
            blocks.append(
                F.scaled_dot_product_attention(
                    q[:, :, first:last], k[:, :, :last], v[:, :, :last], bias[None]
                )
            )
        return attention.out_proj(torch.cat(blocks, 2).transpose(1, 2).flatten(2))


def periodic_bias(query: Tensor, key: Tensor, heads: int, period: int) -> Tensor:
    """What attention adds ``[heads, Q, K]``: -slope * floor((i - j) / period); -inf into the future.

    Slopes fall by powers of four from 1/4 for four heads (ALiBi, Press et al. 2022). Frames as integers.
    """
    slope = 2.0 ** (-8.0 / heads * torch.arange(1, heads + 1, device=query.device))
    behind = query[:, None] - key[None]
    bias = -slope[:, None, None] * torch.div(behind, period, rounding_mode="floor")
    return bias.masked_fill(behind < 0, -torch.inf)


def stretch(x: Tensor, frames: int) -> Tensor:
    """Linear interpolation over time with the ends aligned, ``[1, T, C] -> [1, frames, C]``."""
    return F.interpolate(x.mT, size=frames, mode="linear", align_corners=True).mT


def official_frame_count(samples: int) -> int:
    """ceil(n / 16000 * 30) in floating point, in that order, as the official code rounds."""
    return math.ceil(samples / SAMPLE_RATE * FPS)


def windows(frames: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Overlapping windows (first, last, trust [last - first]) over a long clip; trusts of overlaps sum to 1.

    Windows start at multiples of 30 frames, hence at whole samples. An overlap changes over linearly between
    its outer ``EDGE`` frames, which lack context.
    """
    hop = WINDOW - OVERLAP
    count = max(math.ceil((frames - OVERLAP) / hop), 1)
    rise = np.clip((np.arange(OVERLAP) + 0.5 - EDGE) / (OVERLAP - 2 * EDGE), 0, 1).astype(np.float32)
    for i in range(count):
        first, last = i * hop, frames if i == count - 1 else i * hop + WINDOW
        trust = np.ones(last - first, np.float32)
        if i > 0:
            trust[:OVERLAP] = rise
        if i < count - 1:
            trust[-OVERLAP:] = 1 - rise
        yield first, last, trust


def load_emotalk(
    path: Path | str,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    config: EmoTalkConfig | None = None,
) -> OfficialEmoTalk:
    """``EmoTalk.pth`` ready for inference; ``dtype`` bfloat16 halves memory and time (see docs/official.md).

    Raises EmoGeneError for a missing, damaged or foreign file, naming what is missing or misshapen.
    Weights that prediction does not use (the CTC heads, the emotion classifier) may be absent or differ.
    """
    path = Path(path)
    checkpoint = legacy_state(read_checkpoint(path), path)
    with torch.device("meta"):
        model = OfficialEmoTalk(config or _sizes(checkpoint))
    state = fitting_state(model, checkpoint, path)
    model.load_state_dict(state, strict=False, assign=True)
    for name, parameter in list(model.named_parameters()):
        if parameter.is_meta:
            _assign(model, name, torch.zeros(parameter.shape))
    return ready(model, device, dtype)


def ready(model: OfficialEmoTalk, device: str = "cpu", dtype: torch.dtype = torch.float32) -> OfficialEmoTalk:
    """The model on its device for inference only, its matrices packed where that is faster."""
    model = model.float().to(device).eval().requires_grad_(False)
    if packable(device):
        # nn.TransformerDecoderLayer and its attention read their own weights and stay as they are.
        for part in (model.audio_encoder_cont, model.audio_encoder_emo):
            pack(part, dtype)
    elif dtype != torch.float32:
        model = model.to(dtype)
    return model


def legacy_state(checkpoint: object, path: Path) -> dict[str, Tensor]:
    """The checkpoint's weights under the names of the release. EmoGeneError for anything but weights."""
    state = checkpoint if isinstance(checkpoint, dict) else {}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise EmoGeneError(f"{path}: not EmoTalk's weights, which are a plain list of tensors")
    return {legacy_name(str(key)): value for key, value in state.items()}


def _sizes(state: dict[str, Tensor]) -> EmoTalkConfig:
    """The checkpoint's own; the released ones where they do not go together, so as to say what is wrong."""
    try:
        config = EmoTalkConfig.of(state)
    except (KeyError, ValueError, IndexError):
        return EmoTalkConfig()
    with torch.device("meta"):
        fits = not _faults(OfficialEmoTalk(config), state)
    return config if fits else EmoTalkConfig()


def _faults(model: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """What of the weights that prediction uses is missing or misshapen."""
    wanted = {key: own.shape for key, own in model.state_dict().items() if not _is_unused(key)}
    missing = [key for key in wanted if key not in state]
    misshapen = [
        f"{key} {list(state[key].shape)} for {list(shape)}"
        for key, shape in wanted.items()
        if key in state and state[key].shape != shape
    ]
    return [
        f"{len(keys)} {what}: {_some(keys)}"
        for what, keys in (("missing", missing), ("misshapen", misshapen))
        if keys
    ]


def fitting_state(model: nn.Module, state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The checkpoint's weights, without the unused ones that do not fit."""
    if faults := _faults(model, state):
        raise EmoGeneError(f"{path}: not EmoTalk's weights; {'; '.join(faults)}")
    own = model.state_dict()
    return {key: state[key] for key in own if key in state and state[key].shape == own[key].shape}


def legacy_name(key: str) -> str:
    """The weight-norm names of torch 1.12, which the checkpoint uses, from those of newer versions."""
    key = key.replace("parametrizations.weight.original0", "weight_g")
    return key.replace("parametrizations.weight.original1", "weight_v")


def _is_unused(key: str) -> bool:
    return any(part in key for part in UNUSED)


def _some(names: list[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _assign(module: nn.Module, name: str, value: Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=False))


def _one_hot(index: int, size: int, like: Tensor) -> Tensor:
    if not 0 <= index < size:
        raise EmoGeneError(f"EmoTalk knows 0 to {size - 1}, not {index}")
    return F.one_hot(torch.tensor([[index]], device=like.device), size).to(like.dtype)
