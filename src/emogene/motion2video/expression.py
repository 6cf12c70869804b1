"""What the mesh does at a frame: ARKit weights from the emotion's blendshapes and the mixed lips.

68 points do not tell a raised cheek or a furrow, so brows, cheeks, nose and squints take the emotion's
weights as they are. Mouth, jaw and lids follow the landmarks: their weights are the bounded least squares of
the lips', the chin's and the lids' displacement, with a prior for each shape and with the head's rigid motion
left free, since a pose that is a degree off would otherwise be explained by shapes. What the shapes cannot do
of the lips' motion is carried by a small spline, so that the lips are where the mixture wants them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from emogene.face.arkit import ARKIT_52, INDEX
from emogene.face.head import HeadModel
from emogene.face.landmarks import MOUTH
from emogene.motion2video.bounded import minimise, minimise_scipy

Backend = Literal["numba", "scipy"]

_STARTS = ("jaw", "mouth", "cheekPuff", "eyeBlink", "eyeWide")
SOLVED = np.array([name.startswith(_STARTS) for name in ARKIT_52])
"""bool ``[52]``: the shapes that follow the landmarks; the others are the emotion's own."""
# Of the mouth's shapes, those that an emotion makes: expected where its blendshapes say so.
_EXPRESSIVE = ("mouthSmile", "mouthFrown", "mouthStretch", "mouthPress", "mouthDimple", "mouthShrug")
# Lips, lids and chin are followed; what no such shape moves much tells the head's rigid motion.
_LIPS, _LIDS, _CHIN = range(48, 68), (37, 38, 40, 41, 43, 44, 46, 47), range(6, 11)
_STABLE = (27, 28, 29, 30, 36, 39, 42, 45)


@dataclass(frozen=True)
class SolverConfig:
    noise: float = 0.008
    """Decimetres: how closely the lips are followed."""
    chin: float = 0.3
    """Weight of a chin point against a lip's: the tracked contour slides."""
    lids: float = 4.0
    stable: float = 0.5
    spread: float = 0.35
    """Deviation of a shape's weight about its expected value."""
    expressive: float = 0.15
    """The same for shapes that the emotion's blendshapes name."""
    rare: tuple[tuple[str, float], ...] = (
        *(("cheekPuff", 0.03), ("jawForward", 0.06), ("jawLeft", 0.1), ("jawRight", 0.1)),
        *(("mouthLeft", 0.15), ("mouthRight", 0.15)),
    )
    """The same for shapes that lip points alone confuse with others."""
    most: tuple[tuple[tuple[str, ...], float], ...] = ((("eyeWide",), 2.0), (_EXPRESSIVE, 1.5))
    """Greatest weights of shapes that are small ones; all others end at 1."""


@dataclass(frozen=True)
class Expression:
    """Of each frame: ``weights [T, 52]`` of the mesh; ``lips [T, 20, 3]``: what they lack at the lips.

    Decimetres, canonical space; float32.
    """

    weights: np.ndarray
    lips: np.ndarray


class ExpressionSolver:
    """For a person's ``basis [52, 68, 3]`` and resting ``neutral [68, 3]``, decimetres."""

    def __init__(self, basis: np.ndarray, neutral: np.ndarray, config: SolverConfig | None = None) -> None:
        self.config = config or SolverConfig()
        self.basis = basis.astype(np.float64)
        self._rows = np.array([*_LIPS, *_LIDS, *_CHIN, *_STABLE])
        trusts = ((_LIPS, 1.0), (_LIDS, self.config.lids), (_CHIN, self.config.chin))
        trusts = (*trusts, (_STABLE, self.config.stable))
        weight = np.concatenate([np.full(len(points), trust) for points, trust in trusts])
        weight = np.repeat(weight / self.config.noise**2, 3)
        at = neutral[self._rows].astype(np.float64)
        turns = np.cross(np.eye(3)[:, None], at - at.mean(0)).reshape(3, -1)
        shifts = np.tile(np.eye(3), len(at))
        rigid = np.concatenate([turns, shifts]).T
        # Weights after the best rigid motion is taken out of what is compared.
        lean = np.linalg.solve(rigid.T @ (weight[:, None] * rigid), rigid.T * weight)
        self._trust = np.diag(weight) - weight[:, None] * rigid @ lean
        solved = self.basis[SOLVED][:, self._rows].reshape(SOLVED.sum(), -1).T
        self._deviation = np.array([self._spread(name) for name in np.array(ARKIT_52)[SOLVED]])
        most = np.ones(len(ARKIT_52))
        for starts, limit in self.config.most:
            most[_named(starts)] = limit
        self._most = most[SOLVED]
        self._pull = solved.T @ self._trust
        self._normal = self._pull @ solved + np.diag(self._deviation**-2.0)

    def __call__(
        self, displacement: np.ndarray, emotion: np.ndarray, backend: Backend = "numba"
    ) -> Expression:
        """``displacement [T, 68, 3]`` of the landmarks from rest and ``emotion [T, 52]`` weights.

        The emotion's weights may be negative. "scipy" is the slow twin that the kernel is held to.
        """
        weights = np.where(SOLVED, 0, emotion).astype(np.float64)
        rest = displacement[:, self._rows] - np.tensordot(weights, self.basis[:, self._rows], 1)
        expected = np.where(_named(_EXPRESSIVE), emotion, 0)[:, SOLVED].clip(0, self._most)
        pull = rest.reshape(len(rest), -1) @ self._pull.T + expected / self._deviation**2
        solve = minimise if backend == "numba" else minimise_scipy
        weights[:, SOLVED] = solve(self._normal, pull, np.zeros(len(self._most)), self._most)
        lips = displacement[:, MOUTH] - np.tensordot(weights, self.basis[:, MOUTH], 1)
        return Expression(weights.astype(np.float32), lips.astype(np.float32))

    def _spread(self, name: str) -> float:
        expected = self.config.expressive if name.startswith(_EXPRESSIVE) else self.config.spread
        return dict(self.config.rare).get(name, expected)


class LipCarrier:
    """Takes what is left of the lips' motion to the mesh around them, exactly at the 20 points.

    Upper and lower lip are carried apart: at rest they touch, and move against each other. ``vertices [R]``:
    what of the mesh is moved; ``matrix [R, 20]``: how far each of them follows each point.
    """

    UPPER = np.array([48, 49, 50, 51, 52, 53, 54, 60, 61, 62, 63, 64])
    LOWER = np.array([48, 54, 55, 56, 57, 58, 59, 60, 64, 65, 66, 67])
    _BETWEEN = (0.2, 0.65)  # of the lower lip's share of an opening jaw: upper side, lower side

    def __init__(self, neutral: np.ndarray, model: HeadModel, reach: float = 0.35) -> None:
        """``neutral [V, 3]``: a person's mesh; ``reach``: decimetres over which the motion fades out."""
        points = neutral[model.landmarks].astype(np.float64)
        skin = np.r_[model.parts["face"], model.parts["mouth_socket"]]
        near = np.linalg.norm(neutral[skin, None] - points[None, MOUTH], axis=-1).min(1) < reach
        self.vertices = skin[near]
        at = neutral[self.vertices].astype(np.float64)
        jaw = model.expression[INDEX["jawOpen"], :, 1]
        share = jaw[self.vertices] / jaw[model.landmarks[66]]
        low, high = self._BETWEEN
        below = np.clip((share - low) / (high - low), 0, 1)
        below = below * below * (3 - 2 * below)
        self.matrix = np.zeros((len(at), MOUTH.stop - MOUTH.start), np.float32)
        for side, amount in ((self.UPPER, 1 - below), (self.LOWER, below)):
            pull = np.linalg.solve(_near(points[side], points[side], reach), _near(points[side], at, reach)).T
            self.matrix[:, side - MOUTH.start] += amount[:, None] * pull

    def __call__(self, lips: np.ndarray) -> np.ndarray:
        """``lips [..., 20, 3]`` to ``[..., R, 3]``."""
        return self.matrix @ lips


def _named(starts: tuple[str, ...]) -> np.ndarray:
    return np.array([name.startswith(starts) for name in ARKIT_52])


def _near(a: np.ndarray, b: np.ndarray, reach: float) -> np.ndarray:
    """Wendland's compact kernel (C2, positive definite in space), ``[A, 3], [B, 3] -> [A, B]``."""
    far = np.minimum(np.linalg.norm(a[:, None] - b[None], axis=-1) / reach, 1)
    return (1 - far) ** 4 * (4 * far + 1)
