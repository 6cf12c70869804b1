"""What tells the splats how the face is: a few numbers per frame; and how far the landmarks lie beyond."""

from dataclasses import dataclass

import numpy as np

from emogene.face.landmarks import EYES, JAW, N_POINTS

# The jaw line slides along the face in the tracker; lids move little but matter to the eye.
_WEIGHTS = np.ones((N_POINTS, 1), np.float32)
_WEIGHTS[JAW] = 0.5
_WEIGHTS[EYES] = 2.0

# Distances that speech decides, whatever the emotion: between the lips, to the jaw, between the lids.
_DISTANCES = ((61, 67), (62, 66), (63, 65), (27, 8), (37, 41), (38, 40), (43, 47), (44, 46))

SEEN = (0.005, 0.995)  # quantiles of the training frames that count as the least and greatest seen

_EYE_CORNERS = ((36, 39), (42, 45))
PUPIL_RADIUS = (
    0.105  # dm from the eye's centre of rotation to the pupil as it is seen (Atchison and Smith 2000)
)
GAZE_REACH = 2.5  # deviations of the gaze in training


@dataclass(frozen=True)
class ConditionBasis:
    """Principal components of an avatar's landmarks, scaled to unit deviation, and its gaze.

    ``mean [68, 3]`` and ``basis [K, 68, 3]`` (displacement per unit of a component), decimetres;
    ``reach [K, 2]``: least and greatest value in the training video; ``gaze [2, 2]``: mean and deviation.
    ``articulation [F, 4]``: mean, deviation, least and greatest of :func:`articulation`;
    ``regression [F, K]``: the components that go with it; ``freedom []``: how far frames are from those.
    """

    mean: np.ndarray
    basis: np.ndarray
    reach: np.ndarray
    gaze: np.ndarray
    articulation: np.ndarray
    regression: np.ndarray
    freedom: np.ndarray

    @classmethod
    def fit(cls, points: np.ndarray, gaze: np.ndarray, components: int = 24) -> "ConditionBasis":
        """From landmarks ``[N, 68, 3]`` and gaze ``[N, 2]`` of the training frames."""
        mean = points.mean(0)
        flat = ((points - mean) * _WEIGHTS).reshape(len(points), -1)
        _, singular, directions = np.linalg.svd(flat, full_matrices=False)
        deviation = singular[:components] / np.sqrt(len(points))
        basis = (directions[:components] * deviation[:, None]).reshape(-1, N_POINTS, 3) / _WEIGHTS
        values, distances = _project(points, mean, basis), articulation(points)
        scaled = (distances - distances.mean(0)) / distances.std(0)
        ridge = 1e-2 * len(points) * np.eye(scaled.shape[1])
        regression = np.linalg.solve(scaled.T @ scaled + ridge, scaled.T @ values)
        rest = np.linalg.norm(values - scaled @ regression, axis=1)
        spread = np.quantile(distances, SEEN, axis=0)
        return cls(
            mean=_float32(mean),
            basis=_float32(basis),
            reach=_float32(np.quantile(values, SEEN, axis=0).T),
            gaze=_float32([gaze.mean(0), gaze.std(0)]),
            articulation=_float32(np.stack([distances.mean(0), distances.std(0), *spread], 1)),
            regression=_float32(regression),
            freedom=_float32(np.quantile(rest, 0.6)),
        )

    @property
    def width(self) -> int:
        """Numbers per frame: components and gaze."""
        return len(self.basis) + 2

    def encode(self, points: np.ndarray, gaze: np.ndarray | None = None) -> np.ndarray:
        """The splats' condition ``[T, K + 2]`` of landmarks ``[T, 68, 3]``; default gaze: the mean."""
        return self._with_gaze(_project(points, self.mean, self.basis), gaze)

    def split(self, points: np.ndarray, gaze: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The condition ``[T, K + 2]`` within the avatar's reach; the rest as displacement ``[T, 68, 3]``.

        A face that no training frame resembles (an emotion, on an avatar that was filmed neutral) gets the
        condition of the faces that articulate alike: what it adds to them is geometry, and left to the rig.
        Components clamped one by one would still be a combination that the video never showed.
        """
        components = _project(points, self.mean, self.basis)
        mean, deviation, low, high = self.articulation.T
        usual = (soft_clamp(articulation(points), low, high, 0.1) - mean) / deviation @ self.regression
        own = components - usual
        far = np.linalg.norm(own, axis=1, keepdims=True) / self.freedom
        within = usual + own * np.exp(-(np.maximum(far - 1, 0) ** 2))
        within = soft_clamp(within, *self.reach.T)
        shown = self.mean + np.tensordot(within, self.basis, 1)
        return self._with_gaze(within, gaze), (points - shown).astype(np.float32)

    def gaze_at(self, angles: np.ndarray) -> np.ndarray:
        """Gaze ``[T, 2]`` in eye widths, as it is measured, for the eyes turned by ``angles [T, 2]`` radians
        to the viewer's right and up; 0 is the mean. It stays about where the eyes went in training."""
        ends = self.mean[np.array(_EYE_CORNERS), :2]
        width = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).mean()
        offset = PUPIL_RADIUS / width * np.sin(angles)
        mean, deviation = self.gaze
        return mean + soft_clamp(offset, -GAZE_REACH * deviation, GAZE_REACH * deviation)

    def _with_gaze(self, components: np.ndarray, gaze: np.ndarray | None) -> np.ndarray:
        looking = 0 if gaze is None else (gaze - self.gaze[0]) / self.gaze[1]
        looking = np.broadcast_to(looking, (len(components), 2))
        return np.concatenate([components, looking], 1).astype(np.float32)


def _project(points: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Components ``[T, K]`` of ``points [T, 68, 3]``, unbounded."""
    weighted = (basis * _WEIGHTS).reshape(len(basis), -1)
    flat = ((points - mean) * _WEIGHTS).reshape(len(points), -1)
    return flat @ weighted.T / (weighted**2).sum(1)


def _float32(values: object) -> np.ndarray:
    return np.asarray(values, np.float32)


def articulation(points: np.ndarray) -> np.ndarray:
    """Distances between the lips, to the jaw and between the lids, ``[T, 68, 3] -> [T, F]``, decimetres."""
    first, second = np.array(_DISTANCES).T
    return np.linalg.norm(points[:, first] - points[:, second], axis=-1)


def soft_clamp(x: np.ndarray, low: np.ndarray, high: np.ndarray, knee: float = 0.3) -> np.ndarray:
    """``x`` within ``low..high``; beyond, it bends towards ``knee`` times the half range further out."""
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-6)
    beyond = np.maximum(np.abs(x - middle) / half - 1, 0)
    return np.clip(x, low, high) + np.sign(x - middle) * half * knee * np.tanh(beyond / knee)
