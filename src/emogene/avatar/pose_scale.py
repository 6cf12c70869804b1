"""Head poses as the torso sees them: six numbers of unit deviation."""

from dataclasses import dataclass

import numpy as np

from emogene.face.rotation import to_vector


@dataclass(frozen=True)
class PoseScale:
    """``mean [6]`` and ``deviation [6]`` of the training poses: rotation vector, then translation in dm."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, rotation: np.ndarray, translation: np.ndarray) -> "PoseScale":
        """From ``[N, 3, 3]`` and ``[N, 3]``."""
        pose = _six(rotation, translation)
        return cls(pose.mean(0), pose.std(0) + 1e-4)

    def __call__(self, rotation: np.ndarray, translation: np.ndarray, limit: float = 2.5) -> np.ndarray:
        """``[T, 3, 3]`` and ``[T, 3]`` -> ``[T, 6]`` float32 within ``-limit..limit``."""
        scaled = (_six(rotation, translation) - self.mean) / self.deviation
        return np.clip(scaled, -limit, limit).astype(np.float32)


def _six(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    return np.concatenate([to_vector(rotation), translation], 1)
