"""The embedded emotion branch: speech to 52 blendshapes with an emotion, content and emotion apart.

After EmoTalk (Peng et al., ICCV 2023): one path for what is said, one for how, joined in the blendshapes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from emogene.audio import SPEECH_FPS, Speech
from emogene.audio.encoder import SpeechEncoder
from emogene.clock import frame_count, resample
from emogene.emotalk import content, listener
from emogene.emotalk.content import SPOKEN
from emogene.emotalk.dynamics import breath, ease, vigour
from emogene.emotalk.emotion import HEARD, LABELS, Emotion, Timeline
from emogene.emotalk.features import in_pieces, prosody
from emogene.emotalk.network import FORMAT, EmotionNet
from emogene.face.arkit import ARKIT_52, INDEX, blendshapes
from emogene.track import Track
from emogene.weights.embedded import assets
from emogene.weights.file import open_network

EMBEDDED = assets() / "emotalk.safetensors"
_HEARD_FPS = SPEECH_FPS / listener.STRIDE
STRONG = len(HEARD)  # column of the listener's output


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

    def __init__(self, net: EmotionNet, encoder: SpeechEncoder, device: str | torch.device = "cpu") -> None:
        self.net = net.to(device).eval()
        self.listener, self.content, self.encoder = net.listener, net.content, encoder
        self.expressions, self.action_units = net.expressions.cpu().numpy(), net.action_units.cpu().numpy()
        self.calibration, self.heard_actors = net.config.calibration, net.config.heard_actors

    @classmethod
    def from_embedded(
        cls, device: str | torch.device = "cpu", encoder: SpeechEncoder | None = None
    ) -> "EmoTalk":
        """The weights in the package (CC BY-NC-SA 4.0: learnt from RAVDESS); the ``encoder`` may be shared
        with the lip branch, which then need not hear the recording again."""
        return cls.open(EMBEDDED, device, encoder)

    @classmethod
    def open(
        cls, path: Path, device: str | torch.device = "cpu", encoder: SpeechEncoder | None = None
    ) -> "EmoTalk":
        """With the weights of a file that ``training/emotalk.py`` wrote; EmoGeneError where it is not one."""
        net, _ = open_network(path, FORMAT)
        return cls(net, encoder or SpeechEncoder.from_embedded(device), device)

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
