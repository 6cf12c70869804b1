from pathlib import Path

import numpy as np
import pytest

from emogene.face.arkit import INDEX
from emogene.face.landmarks import MOUTH
from emogene.face.mean import mean_face
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace

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
