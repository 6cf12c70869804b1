from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emogene.audio import Speech
from emogene.clock import VIDEO_FPS
from emogene.face.arkit import INDEX, blendshapes
from emogene.face.felt import EmotionalSpeech
from emogene.face.landmarks import MOUTH
from emogene.face.mean import mean_face
from emogene.face.mixed import Mixed
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.mixture import MixtureModel

FIXTURES = Path(__file__).parents[1] / "fixtures"
RATE = 25.0

# Strong expressions, as an animator would key them.
EXPRESSIONS = {
    "happy": {"mouthSmile": 0.8, "cheekSquint": 0.6},
    "surprised": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.6, "jawOpen": 0.3},
    "angry": {"browDown": 0.8, "eyeSquint": 0.4, "mouthPress": 0.4},
    "sad": {"browInnerUp": 0.7, "mouthFrown": 0.6},
}


@pytest.fixture(scope="session")
def recorded() -> dict[str, np.ndarray]:
    """Numbers recorded from the official code (a subset)."""
    return dict(np.load(FIXTURES / "mixture.npz"))


def words(frames: int, seed: int) -> np.ndarray:
    """Blendshapes ``[T, 52]`` of made-up speech: the jaw opens in syllables and closes fully between."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / RATE
    syllables = np.sin(2 * np.pi * (2.2 * time + 0.6 * np.sin(1.3 * time) + rng.random()))
    weights = np.zeros((frames, 52), np.float32)
    weights[:, INDEX["jawOpen"]] = 0.5 * np.clip(syllables, 0, None) * (0.6 + 0.4 * np.sin(0.7 * time))
    weights[:, INDEX["mouthFunnel"]] = 0.2 * np.clip(np.sin(4 * time + rng.random()), 0, None)
    return weights


def expression(label: str) -> np.ndarray:
    """Blendshapes ``[52]`` of a strong expression."""
    weights = np.zeros(52, np.float32)
    for shape, value in EXPRESSIONS[label].items():
        for name in INDEX:
            if name in (shape, f"{shape}Left", f"{shape}Right"):
                weights[INDEX[name]] = value
    return weights


def faces(weights: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    return neutral + Rig.embedded().displacement(weights)


def felt(said: np.ndarray, label: str | None, intensity: float = 1.0, known: bool = True) -> EmotionalSpeech:
    """An emotion branch's blendshapes, 25 fps: ``said [T, 52]`` and a strong expression, apart where the
    words are ``known``."""
    shown = np.zeros(52, np.float32) if label is None else np.float32(intensity) * expression(label)
    emotion = blendshapes(np.repeat(shown[None], len(said), 0), VIDEO_FPS)
    both = EmotionalSpeech(emotion=emotion, words=blendshapes(said, VIDEO_FPS))
    return both if known else EmotionalSpeech(emotion=both.together)


def voice(frames: int, hz: float = 150, first: int = 0, total: int | None = None) -> Speech:
    """A voice, or none (0 Hz), for ``frames`` at 25 fps; with the last of ``total``, the end."""
    stop = first + frames
    end = None if total is None or stop < total else Fraction(total) / VIDEO_FPS
    return Speech(None, np.full(2 * frames, hz, np.float32), None, None, end)


def mix(
    mixture: MixtureModel,
    space: LandmarkSpace,
    lips: np.ndarray,
    emotional: EmotionalSpeech,
    hz: float = 150,
) -> Mixed:
    """The whole of a recording, as long as ``lips [T, 68, 3]``, with a voice throughout."""
    heard = voice(len(lips), hz, total=len(lips))
    found = mixture.stream(Rig.embedded(), space).push(lips, emotional, heard)
    assert found is not None
    return found


def noisy(points: np.ndarray, seed: int) -> np.ndarray:
    """With what a network or tracker adds: .3 mm of noise, none between lips (they touch when they touch)."""
    noise = np.random.default_rng(seed).normal(0, 0.003, points.shape)
    noise[:, MOUTH] = noise[:, 48:49]
    return (points + noise).astype(np.float32)


@pytest.fixture(scope="session")
def space() -> LandmarkSpace:
    """An avatar whose video showed neutral speech."""
    neutral = mean_face()
    return LandmarkSpace(neutral, noisy(faces(words(800, 1), neutral), 2))
