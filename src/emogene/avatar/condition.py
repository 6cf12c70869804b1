"""What tells the field how the face is: a few numbers per frame; and how far the landmarks lie beyond."""

from dataclasses import dataclass

import numpy as np

from emogene.face.landmarks import EYES, JAW, N_POINTS

# The jaw line slides along the face in the tracker; lids move little but matter to the eye.
_WEIGHTS = np.ones((N_POINTS, 1), np.float32)
_WEIGHTS[JAW] = 0.5
_WEIGHTS[EYES] = 2.0


@dataclass(frozen=True)
class ConditionBasis:
    """Principal components of an avatar's landmarks, scaled to unit deviation, and its gaze.

    ``mean [68, 3]`` and ``basis [K, 68, 3]`` (displacement per unit of a component), decimetres;
    ``reach [K, 2]``: least and greatest value in the training video; ``gaze [2, 2]``: mean and deviation.
    """

    mean: np.ndarray
    basis: np.ndarray
    reach: np.ndarray
    gaze: np.ndarray

    @classmethod
    def fit(cls, points: np.ndarray, gaze: np.ndarray, components: int = 24) -> "ConditionBasis":
        """From landmarks ``[N, 68, 3]`` and gaze ``[N, 2]`` of the training frames."""
        mean = points.mean(0)
        flat = ((points - mean) * _WEIGHTS).reshape(len(points), -1)
        _, singular, directions = np.linalg.svd(flat, full_matrices=False)
        deviation = singular[:components] / np.sqrt(len(points))
        basis = (directions[:components] * deviation[:, None]).reshape(-1, N_POINTS, 3) / _WEIGHTS
        fitted = cls(
            mean, basis, np.zeros((components, 2), np.float32), np.stack([gaze.mean(0), gaze.std(0)])
        )
        reach = np.quantile(fitted.components(points), [0.005, 0.995], axis=0).T
        return cls(mean, basis, reach.astype(np.float32), fitted.gaze)

    @property
    def width(self) -> int:
        """Numbers per frame: components and gaze."""
        return len(self.basis) + 2

    def components(self, points: np.ndarray) -> np.ndarray:
        """``[T, 68, 3] -> [T, K]``, unbounded."""
        weighted = (self.basis * _WEIGHTS).reshape(len(self.basis), -1)
        flat = ((points - self.mean) * _WEIGHTS).reshape(len(points), -1)
        return flat @ weighted.T / (weighted**2).sum(1)

    def encode(self, points: np.ndarray, gaze: np.ndarray | None = None) -> np.ndarray:
        """The field's condition ``[T, K + 2]`` of landmarks ``[T, 68, 3]``; default gaze: the mean."""
        return self._with_gaze(self.components(points), gaze)

    def split(self, points: np.ndarray, gaze: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The condition ``[T, K + 2]`` within the avatar's reach; the rest as displacement ``[T, 68, 3]``."""
        within = soft_clamp(self.components(points), *self.reach.T)
        shown = self.mean + np.tensordot(within, self.basis, 1)
        return self._with_gaze(within, gaze), (points - shown).astype(np.float32)

    def _with_gaze(self, components: np.ndarray, gaze: np.ndarray | None) -> np.ndarray:
        looking = 0 if gaze is None else (gaze - self.gaze[0]) / self.gaze[1]
        looking = np.broadcast_to(looking, (len(components), 2))
        return np.concatenate([components, looking], 1).astype(np.float32)


def soft_clamp(x: np.ndarray, low: np.ndarray, high: np.ndarray, knee: float = 0.3) -> np.ndarray:
    """``x`` within ``low..high``; beyond, it bends towards ``knee`` times the half range further out."""
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-6)
    beyond = np.maximum(np.abs(x - middle) / half - 1, 0)
    return np.clip(x, low, high) + np.sign(x - middle) * half * knee * np.tanh(beyond / knee)
