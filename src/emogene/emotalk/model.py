"""The embedded emotion branch: speech to 52 blendshapes with an emotion, content and emotion apart.

After EmoTalk (Peng et al., ICCV 2023): one path for what is said, one for how, joined in the blendshapes.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from emogene.audio import SPEECH_FPS, Speech
from emogene.audio.encoder import SpeechEncoder
from emogene.clock import frame_count, resample
from emogene.emotalk import content, listener
from emogene.emotalk.content import SPOKEN, Content, ContentConfig
from emogene.emotalk.dynamics import breath, ease, vigour
from emogene.emotalk.emotion import HEARD, LABELS, Emotion, Timeline
from emogene.emotalk.features import in_pieces, prosody
from emogene.emotalk.listener import Listener, ListenerConfig
from emogene.face.arkit import ARKIT_52, INDEX, blendshapes
from emogene.track import Track

EMBEDDED = Path(__file__).parents[1] / "assets" / "emotalk.safetensors"
_HEARD_FPS = SPEECH_FPS / listener.STRIDE
STRONG = len(HEARD)  # column of the listener's output


@dataclass(frozen=True)
class Calibration:
    """How far to trust the ear; set on actors that the listener had not heard (training/emotalk.py)."""

    temperature: float = 1.0  # of the softmax, so that the probabilities are true frequencies
    sharpness: float = 2.0  # exponent of the probabilities, so that the face is not the mean of all emotions
    normal: float = 0.85  # strength of an expression spoken with normal against strong intensity
    direct: float = 0.5  # weight of the AUs heard as such against those of the emotion heard


@dataclass(frozen=True)
class EmotionalSpeech:
    """What the emotion branch makes of a recording, T = ceil(30 duration) frames at 30 fps.

    ``blendshapes`` and ``content``: ARKit weights ``[T, 52]`` in 0..1, with the emotion and (the same words)
    with a neutral one: displacement(blendshapes) - displacement(content) is the emotion alone. No content
    where a model cannot tell them apart (the official one).
    ``probabilities [T, 8]`` float32: the emotion heard, columns as ``labels``; ``amounts [T, 9]``: the
    emotion shown, columns as :data:`emogene.emotalk.LABELS`.
    """

    blendshapes: Track
    content: Track | None
    probabilities: np.ndarray
    amounts: np.ndarray
    labels: tuple[str, ...] = HEARD


class EmoTalk:
    """Speech and an emotion to blendshapes. The emotion is an embedding (an amount of each of nine emotions,
    from the voice or from the user) that the ``expressions [9, 52]`` decode.
    """

    def __init__(
        self,
        listener: Listener,
        content: Content,
        expressions: np.ndarray,
        action_units: np.ndarray,
        calibration: Calibration,
        encoder: SpeechEncoder,
        heard_actors: Sequence[int] = (),
        device: str | torch.device = "cpu",
    ) -> None:
        self.listener = listener.to(device).eval()
        self.content = content.to(device).eval()
        self.expressions = expressions
        self.action_units = action_units
        self.calibration = calibration
        self.encoder = encoder
        self.heard_actors = tuple(heard_actors)

    @classmethod
    def from_embedded(
        cls, device: str | torch.device = "cpu", encoder: SpeechEncoder | None = None
    ) -> "EmoTalk":
        """The weights in the package (CC BY-NC-SA 4.0: learnt from RAVDESS); the ``encoder`` may be shared
        with the lip branch, which then need not hear the recording again."""
        return cls.load(EMBEDDED, device, encoder)

    @classmethod
    def load(
        cls, path: Path, device: str | torch.device = "cpu", encoder: SpeechEncoder | None = None
    ) -> "EmoTalk":
        """From a file that :meth:`save` wrote."""
        with safe_open(path, "pt") as file:
            settings = json.loads(file.metadata()["emogene"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        heard = Listener(ListenerConfig(**_tuples(settings["listener"])))
        spoken = Content(ContentConfig(**_tuples(settings["content"])))
        _load(heard, tensors, "listener.")
        _load(spoken, tensors, "content.")
        tables = tensors["expressions"].numpy(), tensors["action_units"].numpy()
        calibration = Calibration(**settings["calibration"])
        encoder = encoder or SpeechEncoder.from_embedded(device)
        return cls(heard, spoken, *tables, calibration, encoder, settings["heard_actors"], device)

    def save(self, path: Path, notes: dict[str, str]) -> None:
        """Half precision, with ``notes`` (licence, sources) in the metadata."""
        networks: dict[str, nn.Module] = {"listener": self.listener, "content": self.content}
        tensors = {
            f"{part}.{name}": tensor.half()
            for part, network in networks.items()
            for name, tensor in network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        tensors["expressions"] = torch.from_numpy(self.expressions)
        tensors["action_units"] = torch.from_numpy(self.action_units)
        settings = {
            "listener": asdict(self.listener.config),
            "content": asdict(self.content.config),
            "calibration": asdict(self.calibration),
            "heard_actors": self.heard_actors,
        }
        save_file(
            {name: t.cpu().contiguous() for name, t in tensors.items()},
            path,
            metadata={"emogene": json.dumps(settings), **notes},
        )

    def __call__(
        self, speech: Speech, emotion: Emotion | Timeline | None = None, seed: int = 0
    ) -> EmotionalSpeech:
        """Blendshapes of ``speech`` with ``emotion`` (None: auto), ceil(30 duration) frames.

        The activations of content and emotion add, and a weight is 1 - exp(-activation): the shapes blend
        without leaving 0..1, and intensity scales them smoothly. ``seed`` sets the slow drift of the
        expression. Memory is constant beside the features and the result.
        """
        frames = frame_count(speech.duration, SPEECH_FPS)
        logits = self._heard(speech, frames)
        probabilities = self._probabilities(logits)
        fps = float(SPEECH_FPS)
        suggestion = self._suggestion(logits, probabilities)
        amounts = ease((emotion or Emotion()).amounts(suggestion, fps), fps)
        alive = breath(resample(vigour(speech), SPEECH_FPS, SPEECH_FPS, frames), fps, seed)
        activation = (amounts * alive[:, None]) @ -np.log1p(-self.expressions)
        words = self._words(speech, frames)
        return EmotionalSpeech(
            blendshapes=blendshapes(words - (1 - words) * np.expm1(-activation), SPEECH_FPS),
            content=blendshapes(words, SPEECH_FPS),
            probabilities=probabilities,
            amounts=amounts,
        )

    def hear(self, speech: Speech) -> tuple[np.ndarray, tuple[str, ...]]:
        """Probabilities ``[T, 8]`` float32 at 30 fps of the emotions named in the second result."""
        logits = self._heard(speech, frame_count(speech.duration, SPEECH_FPS))
        return self._probabilities(logits), HEARD

    def hear_clip(self, speech: Speech) -> tuple[np.ndarray, np.ndarray]:
        """One emotion for a whole short recording: probabilities ``[8]`` and the mean AUs ``[17]`` to expect.

        AUs are OpenFace intensities (0..5) above the speaker's neutral face, in the order of ACTION_UNITS.
        """
        logits = self._heard(speech, frame_count(speech.duration, SPEECH_FPS))
        strength = resample(vigour(speech), SPEECH_FPS, SPEECH_FPS, len(logits)) + 1e-3
        mean = (logits * (strength / strength.sum())[:, None]).sum(0, keepdims=True)
        probabilities = self._probabilities(mean)[0]
        strong = _sigmoid(mean[0, STRONG])
        table = (1 - strong) * self.action_units[0] + strong * self.action_units[1]
        share = self.calibration.direct
        return probabilities, share * mean[0, STRONG + 1 :] + (1 - share) * (probabilities @ table)

    def _heard(self, speech: Speech, frames: int) -> np.ndarray:
        """What the listener says, ``[frames, 26]`` at 30 fps."""
        features = self.encoder.hear(speech)
        heard = in_pieces(self.listener, features, prosody(speech), listener.REACH, listener.STRIDE)
        return resample(heard, _HEARD_FPS, SPEECH_FPS, frames)

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        scaled = logits[:, : len(HEARD)] / self.calibration.temperature
        powers = np.exp(scaled - scaled.max(1, keepdims=True))
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)

    def _suggestion(self, logits: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """The amounts ``[T, 9]`` of the labels that the voice asks for."""
        sharp = probabilities**self.calibration.sharpness
        sharp /= sharp.sum(1, keepdims=True)
        normal = self.calibration.normal
        strength = normal + (1 - normal) * _sigmoid(logits[:, STRONG, None])
        amounts = np.zeros((len(sharp), len(LABELS)), np.float32)
        amounts[:, : len(HEARD)] = sharp * strength
        return amounts

    def _words(self, speech: Speech, frames: int) -> np.ndarray:
        """Content weights ``[frames, 52]``."""
        spoken = in_pieces(self.content, self.encoder.hear(speech), prosody(speech), content.REACH)
        spoken = resample(spoken, SPEECH_FPS, SPEECH_FPS, frames)
        words = np.zeros((frames, len(ARKIT_52)), np.float32)
        words[:, [INDEX[name] for name in SPOKEN]] = spoken
        return words


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def _tuples(settings: dict) -> dict:
    """JSON has no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def _load(network: nn.Module, tensors: dict[str, torch.Tensor], prefix: str) -> None:
    own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    missing, unexpected = network.load_state_dict(own, strict=False)
    wrong = [name for name in missing if not name.endswith("num_batches_tracked")] + unexpected
    if wrong:
        raise ValueError(f"weights do not fit {type(network).__name__}: {', '.join(wrong[:3])}")
