"""Step 1: displacement accumulation, the lips' motion and the emotion's motion added over the mean face."""

import numpy as np
from scipy.signal import savgol_filter

from emogene.errors import EmoGeneError
from emogene.face.landmarks import PARTS
from emogene.face.motion import BlendshapeMotion

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


def reference_blendshapes(motion: BlendshapeMotion, gain: float) -> BlendshapeMotion:
    """The reference's preparation of EmoTalk's output: Savitzky-Golay(5, 2), then ``gain``.

    The 19 shapes of eyes and brows get twice the gain. No clamp; blinks are as predicted.
    """
    weights = motion.weights.astype(np.float64)
    if len(weights) >= 5:
        weights = np.asarray(savgol_filter(weights, 5, 2, axis=0))
    gains = [2 * gain if name.startswith(("eye", "brow")) else gain for name in motion.names]
    return BlendshapeMotion((weights * gains).astype(np.float32), motion.names, motion.fps)


def drop_every_sixth(motion: BlendshapeMotion, frames: int) -> np.ndarray:
    """30 to 25 fps as the reference does: ``[T, 52] -> [frames, 52]``, zero rows at a missing end."""
    kept = motion.weights[np.arange(len(motion)) % 6 != 5][:frames]
    return np.concatenate([kept, np.zeros((frames - len(kept), kept.shape[1]), kept.dtype)])
