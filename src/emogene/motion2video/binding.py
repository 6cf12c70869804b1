"""Which part of the head model's mesh each splat rides on: made once, at the end of training."""

from dataclasses import dataclass, fields

import numpy as np

from emogene.face.arkit import INDEX
from emogene.face.head import HeadModel
from emogene.motion2video.splats.gaussians import Group
from emogene.motion2video.splats.layout import POSITION, U, V

RIDERS = (Group.SKIN, Group.UPPER_LIP, Group.LOWER_LIP, Group.HAIR, Group.REST, Group.BACKING)
_SAMPLES = 12  # places looked at on each triangle
_CELL = 0.005  # decimetres: of the grid that tells what is seen from the front
_COVERED = 0.03  # decimetres behind the frontmost place at which a triangle counts as hidden
_DEPTH = 0.1  # weight of z in the search: the splats' depth is only as good as the video's views
_OUTSIDE = 0.6  # how far beyond a triangle's edge, in its own coordinates, a splat may stay on it
_LONGEST = 12.0  # of a half axis in edges of its triangle


@dataclass(frozen=True)
class Binding:
    """Of each of ``N`` splats: ``vertex [N, 3]`` and ``share [N, 3]``, a place on the mesh;

    ``fall [N]``: how much of the mesh's motion it takes, 0 to 1; ``along_u, along_v [N, 2]``: its half axes
    in the triangle's two edges, by which they turn and stretch with it.
    """

    vertex: np.ndarray
    share: np.ndarray
    fall: np.ndarray
    along_u: np.ndarray
    along_v: np.ndarray

    def __len__(self) -> int:
        return len(self.vertex)

    def tensors(self) -> dict[str, np.ndarray]:
        """For a file: 26 bytes a splat."""
        half = {f.name: getattr(self, f.name).astype(np.float16) for f in fields(self) if f.name != "vertex"}
        return {"vertex": self.vertex.astype(np.uint16), **half}

    @classmethod
    def of_tensors(cls, tensors: dict[str, np.ndarray]) -> "Binding":
        """What :meth:`tensors` gave."""
        floats = {k: v.astype(np.float32) for k, v in tensors.items() if k != "vertex"}
        return cls(vertex=tensors["vertex"].astype(np.int64), **floats)


@dataclass(frozen=True)
class BindingConfig:
    """Lengths in decimetres."""

    fade: float = 0.22
    """Gaussian width over which splats beside the mesh (ears, neck, hair) take less of its motion."""
    hair: float = 0.12
    """The same for hair over its distance from the nearest skin: nothing drags the hairline."""


def bind(
    splats: np.ndarray,
    groups: np.ndarray,
    neutral: np.ndarray,
    model: HeadModel,
    config: BindingConfig | None = None,
) -> Binding:
    """``splats [13, N]`` of the resting face and their groups, on the person's mesh ``neutral [V, 3]``.

    A splat rides on the nearest triangle as the front shows it; around the mouth on one of its own lip.
    """
    config = config or BindingConfig()
    place, count = splats[POSITION].T.astype(np.float64), splats.shape[1]
    triangles, side = _visible(neutral, model)
    corners = neutral[triangles].astype(np.float64)
    inside = _inner_places()
    samples = np.einsum("sk,tkc->tsc", inside, corners)
    chosen = np.zeros(count, int)
    share = np.zeros((count, 3))
    lip = np.where(groups == Group.UPPER_LIP, 1, np.where(groups == Group.LOWER_LIP, -1, 0))
    for which in (0, 1, -1):
        allowed = np.flatnonzero((side == which) | (side == 0) | (which == 0))
        rows = np.flatnonzero(lip == which)
        weigh = np.array([1, 1, _DEPTH])
        _, near = _nearest((samples[allowed] * weigh).reshape(-1, 3), place[rows] * weigh)
        chosen[rows], share[rows] = allowed[near // len(inside)], inside[near % len(inside)]
    a, b, c = np.moveaxis(corners[chosen], 1, 0)
    share = _projected(place, a, b - a, c - a, share)
    on = np.einsum("nk,nkc->nc", share, corners[chosen])
    beside = np.linalg.norm((place - on)[:, :2], axis=1)
    fall = np.exp(-((np.maximum(beside - 0.01, 0) / config.fade) ** 2))
    fall *= np.isin(groups, RIDERS)
    fall *= _of_hair(place, groups, config.hair) * _of_backing(place, groups, neutral, model)
    axes = [_in_edges(splats[axis].T.astype(np.float64), b - a, c - a) for axis in (U, V)]
    return Binding(triangles[chosen], *(x.astype(np.float32) for x in (share, fall, *axes)))


def _visible(neutral: np.ndarray, model: HeadModel) -> tuple[np.ndarray, np.ndarray]:
    """Triangles ``[T, 3]`` of the face that the front shows, mouth shut or open; which lip's each is ``[T]``.

    1 upper, -1 lower, 0 away from the mouth.
    """
    triangles = model.triangles("face")
    triangles = triangles[(triangles < model.parts["face"].stop).all(1)]
    jaw = model.expression[INDEX["jawOpen"]]
    seen = np.zeros(len(triangles), bool)
    for pose in (neutral, neutral + 0.5 * jaw):
        seen |= _seen_from_front(pose[triangles].astype(np.float64))
    triangles = triangles[seen]
    middle = neutral[triangles].mean(1)
    lips = neutral[model.landmarks[48:68]]
    low, high = lips[:, :2].min(0) - 0.15, lips[:, :2].max(0) + 0.15
    around = ((middle[:, :2] > low) & (middle[:, :2] < high)).all(1)
    lower = jaw[triangles, 1].mean(1) / jaw[model.landmarks[66], 1] > 0.4
    return triangles, np.where(around, np.where(lower, -1, 1), 0)


def _seen_from_front(corners: np.ndarray) -> np.ndarray:
    """bool ``[T]`` of triangles ``corners [T, 3, 3]``: facing the viewer, and not behind others."""
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = facing[:, 2] > 0.05 * np.linalg.norm(facing, axis=1)
    places = np.einsum("sk,tkc->tsc", _inner_places(), corners)
    cell = np.floor((places[..., :2] - places[..., :2].min((0, 1))) / _CELL).astype(int)
    cell = cell[..., 0] * (cell[..., 1].max() + 1) + cell[..., 1]
    front = np.full(cell.max() + 1, -np.inf)
    np.maximum.at(front, cell[facing].ravel(), places[facing][..., 2].ravel())
    return facing & (places[..., 2] > front[cell] - _COVERED).any(1)


def _inner_places() -> np.ndarray:
    """Barycentric coordinates ``[S, 3]`` spread over a triangle, its middle first."""
    draw = np.random.default_rng(0).random((_SAMPLES - 1, 2))
    draw = np.where(draw.sum(1, keepdims=True) > 1, 1 - draw, draw)
    return np.concatenate([np.full((1, 3), 1 / 3), np.column_stack([1 - draw.sum(1), draw])])


def _projected(
    place: np.ndarray, a: np.ndarray, e1: np.ndarray, e2: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Barycentric coordinates of places seen from the front, or ``share`` where they are far outside."""
    d = place - a
    area = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    safe = np.where(np.abs(area) > 1e-7, area, 1)
    one = (d[:, 0] * e2[:, 1] - d[:, 1] * e2[:, 0]) / safe
    two = (e1[:, 0] * d[:, 1] - e1[:, 1] * d[:, 0]) / safe
    own = np.stack([1 - one - two, one, two], 1)
    fits = (np.abs(area) > 1e-7) & (own > -_OUTSIDE).all(1) & (own < 1 + _OUTSIDE).all(1)
    return np.where(fits[:, None], own, share)


def _nearest(places: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to and index of the nearest of ``places [P, D]`` for each ``of [N, D]``."""
    from scipy.spatial import KDTree  # a quarter of a second, for training alone

    distance, index = KDTree(places).query(of)
    return distance, np.asarray(index)


def _of_hair(place: np.ndarray, groups: np.ndarray, width: float) -> np.ndarray:
    """``[N]``: 1, but for hair, which takes less the farther it is from skin."""
    share = np.ones(len(place))
    hair, skin = groups == Group.HAIR, groups == Group.SKIN
    if hair.any() and skin.any():
        far, _ = _nearest(place[skin, :2], place[hair, :2])
        share[hair] = np.exp(-((far / width) ** 2))
    return share


def _of_backing(place: np.ndarray, groups: np.ndarray, neutral: np.ndarray, model: HeadModel) -> np.ndarray:
    """``[N]``: 1, but for backing: it follows the jaw, not the brows, or it would cover the eyes."""
    lids, nose = neutral[model.landmarks[41], 1], neutral[model.landmarks[33], 1]
    below = np.clip((lids - place[:, 1]) / (lids - nose), 0, 1)
    return np.where(groups == Group.BACKING, below, 1)


def _in_edges(axis: np.ndarray, e1: np.ndarray, e2: np.ndarray) -> np.ndarray:
    """``axis [N, 3]`` within the planes of edges ``e1, e2 [N, 3]``, as their multiples ``[N, 2]``."""
    g11, g12, g22 = (e1 * e1).sum(1), (e1 * e2).sum(1), (e2 * e2).sum(1)
    r1, r2 = (e1 * axis).sum(1), (e2 * axis).sum(1)
    det = np.maximum(g11 * g22 - g12**2, 1e-12)
    both = np.stack([g22 * r1 - g12 * r2, g11 * r2 - g12 * r1], 1) / det[:, None]
    return np.clip(both, -_LONGEST, _LONGEST)
