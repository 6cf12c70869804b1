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

from emogene.audio import Speech
from emogene.clock import SPEECH_FPS
from emogene.emotalk import content, listener
from emogene.emotalk.content import SPOKEN, Content, ContentConfig
from emogene.emotalk.dynamics import EVIDENCE, ONSET, PRESENCE, RATE, breath, by_evidence, ease, presence
from emogene.emotalk.emotion import HEARD, LABELS, Emotion, Timeline
from emogene.emotalk.features import VoiceProsody
from emogene.emotalk.listener import Listener, ListenerConfig
from emogene.emotalk.network import Network
from emogene.emotalk.speech import EmotionalSpeech
from emogene.face.arkit import ARKIT_52, INDEX, blendshapes
from emogene.stream import Resample, Stage, Stream
from emogene.track import Track

EMBEDDED = Path(__file__).parents[1] / "assets" / "emotalk.safetensors"
STRONG = len(HEARD)  # column of the listener's output


@dataclass(frozen=True)
class Calibration:
    """How far to trust the ear; set on actors that the listener had not heard (training/emotalk.py)."""

    temperature: float = 1.0  # of the softmax, so that the probabilities are true frequencies
    sharpness: float = 2.0  # exponent of the probabilities, so that the face is not the mean of all emotions
    normal: float = 0.85  # strength of an expression spoken with normal against strong intensity
    direct: float = 0.5  # weight of the AUs heard as such against those of the emotion heard


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
        heard_actors: Sequence[int] = (),
        device: str | torch.device = "cpu",
    ) -> None:
        self.listener = listener.to(device).eval()
        self.content = content.to(device).eval()
        self.expressions = expressions
        self.action_units = action_units
        self.calibration = calibration
        self.heard_actors = tuple(heard_actors)

    @classmethod
    def from_embedded(cls, device: str | torch.device = "cpu") -> "EmoTalk":
        """The weights in the package (CC BY-NC-SA 4.0: learnt from RAVDESS)."""
        return cls.load(EMBEDDED, device)

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu") -> "EmoTalk":
        """From a file that :meth:`save` wrote."""
        with safe_open(path, "pt") as file:
            settings = json.loads(file.metadata()["emogene"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        heard = Listener(ListenerConfig(**_tuples(settings["listener"])))
        spoken = Content(ContentConfig(**_tuples(settings["content"])))
        _load(heard, tensors, "listener.")
        _load(spoken, tensors, "content.")
        return cls(
            listener=heard,
            content=spoken,
            expressions=tensors["expressions"].numpy(),
            action_units=tensors["action_units"].numpy(),
            calibration=Calibration(**settings["calibration"]),
            heard_actors=settings["heard_actors"],
            device=device,
        )

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

    def stream(self, emotion: Emotion | Timeline | None = None, seed: int = 0) -> "EmotionStream":
        """One recording, to be given piece by piece; ``emotion`` None is auto. ``seed`` sets the slow drift
        of the expression."""
        return EmotionStream(self, emotion or Emotion(), seed)

    def __call__(
        self, speech: Speech, emotion: Emotion | Timeline | None = None, seed: int = 0
    ) -> EmotionalSpeech:
        """A whole recording: ceil(50 duration) frames at 50 fps."""
        return self.stream(emotion, seed).push(speech)

    def hear_clip(self, speech: Speech) -> tuple[np.ndarray, np.ndarray]:
        """One emotion for a whole short recording: probabilities ``[8]`` and the mean AUs ``[17]`` to expect.

        AUs are OpenFace intensities (0..5) above the speaker's neutral face, in the order of ACTION_UNITS.
        """
        logits, vigour, _ = Hearing(self).push(speech)
        assert logits is not None and vigour is not None
        strength = vigour + 1e-3
        mean = (logits * (strength / strength.sum())[:, None]).sum(0, keepdims=True)
        probabilities = softmax(mean, self.calibration.temperature)[0]
        strong = _sigmoid(mean[0, STRONG])
        table = (1 - strong) * self.action_units[0] + strong * self.action_units[1]
        share = self.calibration.direct
        return probabilities, share * mean[0, STRONG + 1 :] + (1 - share) * (probabilities @ table)


class Hearing:
    """What the two networks say of a recording: the listener's ``[T, 26]``, the voice's vigour ``[T]`` and
    the content's ``[T, 27]``, all 50 fps."""

    def __init__(self, model: EmoTalk) -> None:
        self._prosody = Stream(VoiceProsody())
        self._listener = Stream(Network(model.listener, listener.REACH, listener.STRIDE))
        self._upsample = Stream(Resample(SPEECH_FPS / listener.STRIDE, SPEECH_FPS))
        self._content = Stream(Network(model.content, content.REACH))

    def push(self, speech: Speech) -> tuple[np.ndarray | None, ...]:
        end = speech.end
        prosody, vigour = self._prosody.push(speech.f0, speech.loudness, end=end)
        (sparse,) = self._listener.push(speech.features, prosody, end=end)
        (logits,) = self._upsample.push(sparse, end=end)
        (spoken,) = self._content.push(speech.features, prosody, end=end)
        return logits, vigour, spoken


class EmotionStream:
    """Speech to blendshapes, piece by piece."""

    def __init__(self, model: EmoTalk, emotion: Emotion | Timeline, seed: int) -> None:
        self._hearing, self._expression = Hearing(model), Stream(Expression(model, emotion, seed))

    def push(self, speech: Speech) -> EmotionalSpeech:
        """What is newly known; at 50 fps."""
        words, emotion, heard, shown = self._expression.push(*self._hearing.push(speech), end=speech.end)
        if words is None or emotion is None or heard is None or shown is None:
            return EmotionalSpeech.nothing()
        return EmotionalSpeech(
            words=blendshapes(words, SPEECH_FPS),
            emotion=blendshapes(emotion, SPEECH_FPS),
            heard=Track(heard, HEARD, SPEECH_FPS, "probability"),
            shown=Track(shown, LABELS, SPEECH_FPS, "share"),
        )


class Expression(Stage):
    """The listener's logits, the vigour and the words -> ARKit weights ``[T, 52]`` of the words and of the
    emotion, probabilities ``[T, 8]`` of the emotions heard, amounts ``[T, 9]`` of those shown; all 50 fps.

    The activations of an emotion's shapes add, and a weight is 1 - exp(-activation): the shapes blend without
    leaving 0..1, and intensity scales them smoothly. Where no voice is near, nothing is heard.
    """

    heard = rate = SPEECH_FPS
    look_back, look_ahead = ONSET + max(PRESENCE, EVIDENCE), max(PRESENCE, EVIDENCE)
    outputs = 4

    def __init__(self, model: EmoTalk, emotion: Emotion | Timeline, seed: int) -> None:
        self.calibration, self.activation = model.calibration, -np.log1p(-model.expressions)
        self.emotion, self.seed = emotion, seed

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        logits, vigour, spoken = inputs
        logits, near = by_evidence(logits, vigour), presence(vigour)[:, None]
        probabilities = near * softmax(logits, self.calibration.temperature)
        probabilities[:, :1] += 1 - near  # neutral
        time = (first + np.arange(len(logits))) / RATE
        amounts = ease(self.emotion.amounts(self._suggestion(logits, probabilities), time))
        activation = (amounts * breath(vigour, first, self.seed)[:, None]) @ self.activation
        words = np.zeros((len(spoken), len(ARKIT_52)), np.float32)
        words[:, [INDEX[name] for name in SPOKEN]] = spoken
        return words, -np.expm1(-activation).astype(np.float32), probabilities.astype(np.float32), amounts

    def _suggestion(self, logits: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """The amounts ``[T, 9]`` of the labels that the voice asks for."""
        sharp = probabilities**self.calibration.sharpness
        sharp /= sharp.sum(1, keepdims=True)
        normal = self.calibration.normal
        strength = normal + (1 - normal) * _sigmoid(logits[:, STRONG, None])
        amounts = np.zeros((len(sharp), len(LABELS)), np.float32)
        amounts[:, : len(HEARD)] = sharp * strength
        return amounts


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities ``[T, 8]`` of the first eight columns."""
    scaled = logits[:, : len(HEARD)] / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


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
