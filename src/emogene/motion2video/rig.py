"""Emotion on a head of splats: which condition shows the words, and what the mesh adds for the rest.

The splats have learnt what the person's video showed, words and blinks; their condition is the video's face
that articulates like the landmarks. The mesh does what that face lacks: brows, cheeks, nose and lower lids by
the emotion's weights, mouth and lids by what is missing to the landmarks (:mod:`.expression`). Skin rides on
the mesh; the inside of the mouth follows the lips; eyes stay, and step back behind lids that the mesh moves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from emogene.avatar.condition import ConditionBasis
from emogene.face.arkit import ARKIT_52
from emogene.face.head import HeadModel, normals
from emogene.face.landmarks import EYES, MOUTH
from emogene.motion2video.binding import Binding
from emogene.motion2video.expression import SOLVED, ExpressionSolver, LipCarrier
from emogene.motion2video.mouth import backing, follow_lips
from emogene.motion2video.shading import Shading, estimated_light
from emogene.motion2video.splats.gaussians import Gaussians, Group
from emogene.motion2video.splats.layout import COLOUR

_LIDS = np.array([name.startswith(("eyeBlink", "eyeWide", "eyeSquint")) for name in ARKIT_52])
_EYES_BACK = 0.02  # decimetres that eyes step back behind lids that are moved
_EYES_BACK_AT = 0.15  # sum of lid weights at which they are back
# Behind the eyes, for what wide lids uncover: how much taller, and decimetres behind.
_COPY, _COPY_BEHIND = 1.25, 0.03  # the eyes again: the top of an iris is under the resting lid
_TALL, _TALL_BEHIND = 1.7, 0.06  # their white
_WELL = 0.85  # of the lids' outline: within it, no skin
_WHITE = 0.75  # quantile of the eyes' brightness that their white is taken from
_LIP_SHADE = 0.3  # of the shading on the red of the lips


@dataclass(frozen=True)
class FaceMesh:
    """The head model as a person, for an avatar's file: ``neutral [V, 3]`` decimetres, ``linear [3, 3]``."""

    neutral: np.ndarray
    linear: np.ndarray


@dataclass(frozen=True)
class Pose:
    """A frame of the rig: ``weights [52]``, ``lips [20, 3]`` (see expression.Expression), and the faces

    ``seen [68, 3]`` that the condition shows and ``wanted [68, 3]`` that shall be shown.
    """

    weights: np.ndarray
    lips: np.ndarray
    seen: np.ndarray
    wanted: np.ndarray


class FaceRig:
    """Moves the splats of one person's ``head``."""

    def __init__(
        self, head: Gaussians, basis: ConditionBasis, resting: np.ndarray, mesh: FaceMesh, binding: Binding
    ) -> None:
        """``resting [68, 3]``: the person's neutral landmarks; canonical space, decimetres."""
        model = HeadModel.embedded()
        self.basis = basis
        full = (model.expression @ mesh.linear.T).astype(np.float32)
        at_rest = head.at(basis.encode(resting[None])[0])
        self._solver = ExpressionSolver(full[:, model.landmarks], resting)
        self._landmark_basis = full[:, model.landmarks].astype(np.float64)
        riding = np.flatnonzero(binding.fall > 0.01)
        carrier = LipCarrier(mesh.neutral, model)
        used = np.unique(binding.vertex[riding])
        local = np.zeros(len(model.mean), np.int64)
        local[used] = np.arange(len(used))
        carried = np.isin(carrier.vertices, used)
        self._carried, self._carry = local[carrier.vertices[carried]], carrier.matrix[carried]
        self._expression = np.ascontiguousarray(full[:, used])
        self._ride = (
            *(riding, local[binding.vertex], binding.share, binding.fall),
            *(binding.along_u, binding.along_v),
        )
        skin = model.triangles("face", "head_neck")
        light = self._light(head, at_rest, mesh, binding, skin)
        reach = model.parts["head_neck"].stop
        self._shading = Shading.of(
            mesh.neutral[:reach], full[:, :reach], skin[(skin < reach).all(1)], light
        ).chosen(used)
        self._shaded = self._shade_share(head, at_rest, resting, binding)
        self._inside = np.flatnonzero(head.groups == Group.INTERIOR)
        self._teeth = float(np.quantile(at_rest[2, self._inside], 0.02)) if len(self._inside) else 0.0
        self._eyes = np.flatnonzero(head.groups == Group.EYES)
        self._white = self._eye_white(at_rest, resting)
        self._eye_height = self._eye_centres(at_rest, resting)

    def poses(
        self, landmarks: np.ndarray, emotion: np.ndarray, gaze: np.ndarray | None = None
    ) -> tuple[np.ndarray, list[Pose]]:
        """Conditions ``[T, K]`` and poses of faces ``landmarks [T, 68, 3]`` with ``emotion [T, 52]`` weights.

        ``gaze [T, 2]``: in the units of the avatar's basis; the mean if None.
        """
        own = np.where(SOLVED, 0, emotion)
        spoken = landmarks - np.tensordot(own, self._landmark_basis, 1)
        spoken[:, MOUTH] = landmarks[:, MOUTH]
        conditions, _ = self.basis.split(spoken, gaze)
        seen = self.basis.mean + np.tensordot(conditions[:, :-2], self.basis.basis, 1)
        found = self._solver(landmarks - seen, emotion)
        poses = [Pose(*parts) for parts in zip(found.weights, found.lips, seen, landmarks, strict=True)]
        return conditions, poses

    def mover(self, pose: Pose) -> Callable[[np.ndarray], np.ndarray]:
        """What :class:`.portrait.Moment` takes for its rig."""
        return partial(self.move, pose=pose)

    def move(self, splats: np.ndarray, pose: Pose) -> np.ndarray:
        """``splats [13, N]`` of the pose's condition, changed in place -> ``[13, M]``, more behind them."""
        from emogene.motion2video.rig_cpu import displace, ride

        on = np.flatnonzero(pose.weights)
        moved = np.empty(self._expression.shape[1:], np.float32)
        displace(self._expression, on, pose.weights[on], self._carried, self._carry, pose.lips, moved)
        ride(splats, *self._ride, moved, self._shading(pose.weights), self._shaded)
        follow_lips(splats, self._inside, pose.seen, pose.wanted)
        behind = self._behind_lids(splats, pose)
        dark = backing(pose.seen, pose.wanted, self._teeth)
        return np.ascontiguousarray(np.concatenate([splats, dark, behind], axis=1))

    def _behind_lids(self, splats: np.ndarray, pose: Pose) -> np.ndarray:
        """The eyes step back; what wide lids show more of ``[13, 2 E]`` goes behind them."""
        lids = np.abs(pose.weights[_LIDS]).max()
        behind = []
        for taller, depth in ((_COPY, _COPY_BEHIND), (_TALL, _TALL_BEHIND)):
            layer = splats[:, self._eyes].copy()
            layer[1] = self._eye_height + taller * (layer[1] - self._eye_height)
            layer[[4, 7]] *= taller
            layer[2] -= depth
            behind.append(layer)
        behind[1][COLOUR] = self._white[:, None]
        splats[2, self._eyes] -= _EYES_BACK * min(1.0, lids / _EYES_BACK_AT)
        return np.concatenate(behind, axis=1)

    def _eye_centres(self, at_rest: np.ndarray, resting: np.ndarray) -> np.ndarray:
        """Height of the middle of each eye splat's own eye ``[E]``."""
        eyes = resting[EYES].reshape(2, 6, 3).mean(1)
        x = at_rest[0, self._eyes]
        return np.where(np.abs(x - eyes[0, 0]) < np.abs(x - eyes[1, 0]), eyes[0, 1], eyes[1, 1])

    def _eye_white(self, at_rest: np.ndarray, resting: np.ndarray) -> np.ndarray:
        """Colour ``[3]`` of the bright part of what is well between the lids."""
        x, y = at_rest[:2, self._eyes]
        well = np.zeros(len(x), bool)
        for eye in resting[EYES, :2].reshape(2, 6, 2):
            well |= _within(x, y, eye.mean(0) + _WELL * (eye - eye.mean(0)))
        colours = at_rest[COLOUR][:, self._eyes[well]]
        bright = colours.sum(0)
        return colours[:, bright >= np.quantile(bright, _WHITE)].mean(1) if len(bright) else np.zeros(3)

    @staticmethod
    def _light(
        head: Gaussians, at_rest: np.ndarray, mesh: FaceMesh, binding: Binding, triangles: np.ndarray
    ) -> np.ndarray:
        skin = np.flatnonzero((head.groups == Group.SKIN) & (binding.fall > 0.9))
        normal = normals(mesh.neutral, triangles)[binding.vertex[skin]]
        normal = (normal * binding.share[skin][..., None]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        return estimated_light(normal, at_rest[COLOUR][:, skin].T.clip(0, 1))

    @staticmethod
    def _shade_share(
        head: Gaussians, at_rest: np.ndarray, resting: np.ndarray, binding: Binding
    ) -> np.ndarray:
        """Of each splat ``[N]``: all on skin, less on the lips' red, none where nothing rides."""
        red = _within(at_rest[0], at_rest[1], resting[48:60, :2])
        return np.where(red, _LIP_SHADE, 1).astype(np.float32) * binding.fall


def _within(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points lie in the polygon ``corners [C, 2]``."""
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(np.roll(corners, 1, 0), corners, strict=True):
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0 + 1e-12) + x0)
    return inside
