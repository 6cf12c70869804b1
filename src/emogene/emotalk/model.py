"""The embedded emotion branch: speech to 52 blendshapes with an emotion, content and emotion apart.

After EmoTalk (Peng et al., ICCV 2023): one path for what is said, one for how, joined in the blendshapes.
"""

from pathlib import Path

import numpy as np
import torch

from emogene.audio import Speech
from emogene.clock import SPEECH_FPS
from emogene.emotalk import content, listener
from emogene.emotalk.content import SPOKEN
from emogene.emotalk.dynamics import EVIDENCE, ONSET, PRESENCE, RATE, breath, by_evidence, ease, presence
from emogene.emotalk.emotion import HEARD, LABELS, Emotion, Timeline
from emogene.emotalk.expressions import asymmetry, strength, table
from emogene.emotalk.features import VoiceProsody
from emogene.emotalk.network import FORMAT, EmotionNet
from emogene.emotalk.stage import NetworkStage
from emogene.face.arkit import ARKIT_52, INDEX, blendshapes
from emogene.face.felt import EmotionalSpeech
from emogene.stream import Resample, Stage, Stream
from emogene.track import Track
from emogene.weights.embedded import assets
from emogene.weights.file import open_network

EMBEDDED = assets() / "emotalk.safetensors"
STRONG = len(HEARD)  # column of the listener's output
EXPRESSIVE = np.array([label != "neutral" for label in LABELS])


class EmoTalk:
    """Speech and an emotion to blendshapes. The emotion is an embedding: an amount of each of nine emotions,
    from the voice or from the user, which :mod:`emogene.emotalk.expressions` decodes."""

    weights: tuple[Path, ...] = ()
    """The files that it was opened from."""

    def __init__(self, net: EmotionNet, device: str | torch.device = "cpu") -> None:
        self.net = net.to(device).eval()
        self.action_units = net.action_units.cpu().numpy()
        self.calibration, self.heard_actors = net.config.calibration, net.config.heard_actors

    @classmethod
    def from_embedded(cls, device: str | torch.device = "cpu") -> "EmoTalk":
        """The weights in the package (CC BY-NC-SA 4.0: learnt from RAVDESS)."""
        return cls.open(EMBEDDED, device)

    @classmethod
    def open(cls, path: Path, device: str | torch.device = "cpu") -> "EmoTalk":
        """With the weights of a file that ``training/emotalk.py`` wrote; EmoGeneError where it is not one."""
        net, _ = open_network(path, FORMAT)
        model = cls(net, device)
        model.weights = (path,)
        return model

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
        self._listener = Stream(NetworkStage(model.net.listener, listener.REACH, listener.STRIDE))
        self._upsample = Stream(Resample(SPEECH_FPS / listener.STRIDE, SPEECH_FPS))
        self._content = Stream(NetworkStage(model.net.content, content.REACH))

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

    An expression is the mean of the emotions' by their amounts, as strong as their sum asks for, and a little
    uneven. Where no voice is near, nothing is heard.
    """

    heard = rate = SPEECH_FPS
    look_back, look_ahead = ONSET + max(PRESENCE, EVIDENCE), max(PRESENCE, EVIDENCE)
    outputs = 4

    def __init__(self, model: EmoTalk, emotion: Emotion | Timeline, seed: int) -> None:
        self.calibration, self.emotion, self.seed = model.calibration, emotion, seed
        self.table = table() * asymmetry(seed)

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        logits, vigour, spoken = inputs
        logits, near = by_evidence(logits, vigour), presence(vigour)[:, None]
        probabilities = near * softmax(logits, self.calibration.temperature)
        probabilities[:, :1] += 1 - near  # neutral
        time = (first + np.arange(len(logits))) / RATE
        amounts = ease(self.emotion.amounts(self._suggestion(logits, probabilities), time))
        felt = np.where(EXPRESSIVE, amounts, 0)
        total = felt.sum(1, keepdims=True)
        shown = strength(total) * breath(vigour, first, self.seed)[:, None]
        weights = (felt / np.maximum(total, 1e-6)) @ self.table * shown
        words = np.zeros((len(spoken), len(ARKIT_52)), np.float32)
        words[:, [INDEX[name] for name in SPOKEN]] = spoken
        return words, weights.astype(np.float32), probabilities.astype(np.float32), amounts

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
