"""Step 1: displacement accumulation, the lips' motion and the emotion's motion added over the mean face."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from emogene.clock import VIDEO_FPS
from emogene.errors import EmoGeneError
from emogene.face.arkit import blendshapes
from emogene.face.landmarks import PARTS
from emogene.mixture.calibration import Calibration, gaps
from emogene.track import Track

# By the reference's variants and the part: share of the lip-synced displacement, share of the emotional one.
REFERENCE_SHARES: dict[int, dict[str, tuple[float, float]]] = {
    6: {"jaw": (1, 1), "brows": (1, 1), "nose": (1, 1), "eyes": (1, 1), "mouth": (1, 1)},
    7: {"jaw": (1, 0.5), "brows": (0, 1), "nose": (1, 0), "eyes": (1, 0), "mouth": (1, 1)},
    8: {"jaw": (0, 1), "brows": (0, 1), "nose": (1, 0), "eyes": (1, 0), "mouth": (1, 1)},
    9: {"jaw": (0.5, 0), "brows": (0, 1), "nose": (1, 0), "eyes": (1, 0), "mouth": (1, 1)},
}


def reference_accumulate(lips: np.ndarray, emotion: np.ndarray, variant: int) -> np.ndarray:
    """Displacements ``[T, 68, 3]`` of both branches summed by the reference's ``variant`` (6, 7, 8 or 9)."""
    if variant not in REFERENCE_SHARES:
        raise EmoGeneError(f"no mixture variant {variant}; the reference system has 6, 7, 8 and 9")
    result = np.empty_like(lips)
    for part, (of_lips, of_emotion) in REFERENCE_SHARES[variant].items():
        points = PARTS[part]
        result[:, points] = of_lips * lips[:, points] + of_emotion * emotion[:, points]
    return result


def reference_blendshapes(motion: Track, gain: float) -> Track:
    """The reference's preparation of EmoTalk's output: Savitzky-Golay(5, 2), then ``gain``.

    The 19 shapes of eyes and brows get twice the gain. No clamp; blinks are as predicted.
    """
    from scipy.signal import savgol_filter  # 40 MB and a third of a second, for the reference alone

    weights = motion.values.astype(np.float64)
    if len(weights) >= 5:
        weights = np.asarray(savgol_filter(weights, 5, 2, axis=0))
    gains = [2 * gain if name.startswith(("eye", "brow")) else gain for name in motion.names]
    return blendshapes((weights * gains).astype(np.float32), motion.fps)


def drop_every_sixth(motion: Track, frames: int) -> Track:
    """30 to 25 fps as the reference does, exactly ``frames`` long: zero rows at a missing end."""
    kept = motion.values[np.arange(len(motion)) % 6 != 5][:frames]
    missing = np.zeros((frames - len(kept), kept.shape[1]), kept.dtype)
    return blendshapes(np.concatenate([kept, missing]), VIDEO_FPS)


def emotional_displacement(
    emotion: np.ndarray, base: np.ndarray, rate: float, smoothing: float
) -> np.ndarray:
    """What the emotion does to the face: ``[T, 68, 3]`` decimetres.

    ``emotion [T, 68, 3]``: the emotion branch's faces; ``base``: the same branch's faces without emotion, or
    ``[68, 3]`` the neutral face. Expressions are slow: a Gaussian of ``smoothing`` seconds (no lag) takes out
    what is left of the words.
    """
    return gaussian_filter1d((emotion - base).astype(np.float64), smoothing * rate, axis=0, mode="nearest")


def without_opening(displacement: np.ndarray, calibration: Calibration) -> np.ndarray:
    """A displacement that neither opens nor closes the lips, ``[T, 68, 3] -> [T, 68, 3]``.

    Opening the mouth is the lips' business: that component, along the avatar's own way of opening, is taken
    from jaw and lips. The mouth's corners keep all they were asked for, and the closed lips stay with them.
    """
    opening = opening_of(displacement, calibration)
    return displacement - opening[:, None, None] * calibration.parting


def opening_of(displacement: np.ndarray, calibration: Calibration) -> np.ndarray:
    """How far a displacement opens the lips, ``[T, 68, 3] -> [T]`` decimetres, negative for closing."""
    return gaps(displacement).mean(1) @ calibration.direction


def within_reach(displacement: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Every part's displacement scaled down, as a whole, where it goes beyond the avatar's reach.

    The gain is 1 until the part's farthest point is at 80% of the reach, and bends softly to the reach.
    """
    result = displacement.copy()
    for part, reach in calibration.reach.items():
        points = PARTS[part]
        distance = np.linalg.norm(displacement[:, points], axis=-1).max(1) / reach
        result[:, points] *= (soft_limit(distance) / np.maximum(distance, 1e-9))[:, None, None]
    return result


def soft_limit(x: np.ndarray, knee: float = 0.8) -> np.ndarray:
    """``x >= 0`` as it is up to ``knee``, then smoothly towards 1."""
    beyond = np.maximum(x - knee, 0) / (1 - knee)
    return np.where(x < knee, x, knee + (1 - knee) * np.tanh(beyond))
