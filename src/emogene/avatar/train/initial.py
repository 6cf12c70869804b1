"""Where a head's splats begin: on the person's mesh, or a smooth surface through the landmarks."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import (
    binary_erosion,
    distance_transform_edt,
    gaussian_filter,
    grey_dilation,
    map_coordinates,
    maximum_filter,
)
from scipy.spatial import ConvexHull, Delaunay, KDTree

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.condition import ConditionBasis
from emogene.face.landmarks import BROWS, EYES, MOUTH, mouth_openness
from emogene.face.pose import HeadPose
from emogene.motion2video.splats.gaussians import Gaussians, Group
from emogene.motion2video.splats.layout import COLOUR, OPACITY, POSITION, ROWS, U, V

f4 = np.float32
FACE = slice(17, 68)
INNER_UPPER, INNER_LOWER = (60, 61, 62, 63, 64), (60, 67, 66, 65, 64)
_LUMA = np.array([0.299, 0.587, 0.114])
_LOW, _HIGH, _STEP = (-1.4, -1.5), (1.4, 2.2), 0.01  # the grid over the head seen from the front, dm
_BEHIND = 0.12  # of the backing, dm
_STEEPEST = 1.6  # greatest slope of the surface: at the outline it would stand on edge


@dataclass(frozen=True)
class HeadLayout:
    """How many splats, and where."""

    surface: int = 13000
    interior: int = 1200
    """Teeth, tongue and the dark of the mouth."""
    backing: int = 700
    """Larger splats behind the skin, seen where it parts or the head turns far."""
    mouth_share: float = 5.0
    """How much denser than at the back of the head."""
    eyes_share: float = 4.0
    face_share: float = 1.8
    width: float = 0.22
    """Reach of a landmark's pull, dm."""
    ridge: float = 0.15
    """How much the pull is smoothed."""
    fringe: float = 0.03
    """How far hair stands before the forehead, dm."""
    seed: int = 0


def pull_of_landmarks(points: np.ndarray, landmarks: np.ndarray, width: float, ridge: float) -> np.ndarray:
    """``[P, 68]``: how far ``points [P, 3]`` follow each of ``landmarks [68, 3]`` (Gaussian kernels)."""

    def near(a: np.ndarray) -> np.ndarray:
        return np.exp(-((a[:, None] - landmarks[None]) ** 2).sum(-1) / (2 * width**2))

    kernel = near(landmarks) + ridge * np.eye(len(landmarks))
    return np.linalg.solve(kernel, near(points).T).T


@dataclass(frozen=True)
class Mesh:
    """A head in the canonical frame: ``vertices [V, 3]``, dm, ``triangles [T, 3]`` of its skin and eyeballs,
    and which vertices are the 68 points, ``landmarks [68]``."""

    vertices: np.ndarray
    triangles: np.ndarray
    landmarks: np.ndarray

    def moved_to(self, landmarks: np.ndarray, layout: HeadLayout) -> "Mesh":
        """Bent so that its points are ``landmarks [68, 3]``."""
        own = self.vertices[self.landmarks].astype(np.float64)
        pull = pull_of_landmarks(self.vertices.astype(np.float64), own, layout.width, layout.ridge)
        return replace(self, vertices=self.vertices + pull @ (landmarks - own))


def initial_head(
    data: TrainingSet,
    rows: np.ndarray,
    basis: ConditionBasis,
    layout: HeadLayout,
    mesh: Mesh | None = None,
    seen: int = 24,
) -> Gaussians:
    """The splats before training, from frames ``rows`` of ``data``; ``seen`` of them are looked at.

    ``mesh``: the person's head at rest; a thin plate through the landmarks stands in for it.
    """
    random = np.random.default_rng(layout.seed)
    landmarks = basis.mean.astype(np.float64)
    some = rows[:: max(1, len(rows) // seen)]
    surface = _Surface.seen(data, some, landmarks, layout, mesh and mesh.moved_to(landmarks, layout))
    parts = [
        surface.sampled(layout.surface, random),
        surface.behind_fringe(random),
        _interior(data, rows, landmarks, layout, random),
        surface.backing(layout.backing, random),
    ]
    positions = np.concatenate([part.positions for part in parts])
    base = np.concatenate([part.base(random) for part in parts], 1)
    groups = np.concatenate([part.groups for part in parts])
    splats = Gaussians.still(base, groups.astype(np.uint8), basis.width)
    pull = pull_of_landmarks(positions, landmarks, layout.width, layout.ridge)
    for axis in range(3):
        splats.motion[axis, : len(basis.basis)] = basis.basis[:, :, axis] @ pull.T
    return splats


@dataclass(frozen=True)
class _Part:
    positions: np.ndarray  # [P, 3]
    colours: np.ndarray  # [P, 3]
    groups: np.ndarray  # [P]
    slopes: np.ndarray  # [P, 2]: of the surface's z along x and y
    size: tuple[float, float] = (0.006, 0.05)
    """Least and greatest half axis, dm."""
    cover: float = 0.75
    """Half axis over the distance of the nearest neighbours."""

    def base(self, random: np.random.Generator) -> np.ndarray:
        """Discs ``[13, P]`` on the surface; from the front they are as large as their neighbours are far."""
        count = len(self.positions)
        base = np.zeros((ROWS, count), f4)
        if count < 5:
            return base[:, :0] if not count else base
        apart = KDTree(self.positions[:, :2]).query(self.positions[:, :2], k=5)[0][:, 1:].mean(1)
        radius, turn = np.clip(self.cover * apart, *self.size), random.uniform(0, 2 * np.pi, count)
        base[POSITION], base[COLOUR], base[OPACITY] = self.positions.T, self.colours.T, 0.8
        base[U][:2] = radius * np.cos(turn), radius * np.sin(turn)
        base[V][:2] = -radius * np.sin(turn), radius * np.cos(turn)
        for tangent in (base[U], base[V]):
            tangent[2] = (tangent[:2] * self.slopes.T).sum(0)
        return base


@dataclass(frozen=True)
class _Surface:
    """The head as a height field over x and y, with its mean colours."""

    points: np.ndarray  # [H, W, 3]
    colours: np.ndarray  # [H, W, 3] in 0..1
    inside: np.ndarray  # [H, W] bool: the head layer
    density: np.ndarray  # [H, W]
    hair: np.ndarray  # [H, W] bool
    forehead: np.ndarray  # [H, W] bool: skin, or hair with skin behind it
    slopes: np.ndarray  # [H, W, 2]
    landmarks: np.ndarray
    fringe: float

    @classmethod
    def seen(
        cls,
        data: TrainingSet,
        rows: np.ndarray,
        landmarks: np.ndarray,
        layout: HeadLayout,
        mesh: Mesh | None,
    ) -> "_Surface":
        x, y = np.meshgrid(np.arange(_LOW[0], _HIGH[0], _STEP), np.arange(_LOW[1], _HIGH[1], _STEP))
        face = _plate(x, y, landmarks) if mesh is None else _front(x, y, mesh)
        points = np.stack([x, y, _with_skull(x, y, *face)], -1)
        colours, inside = _looks(data, rows, points, landmarks, layout)
        density = inside.astype(float)
        for part, share, grow in (
            (FACE, layout.face_share, 0.15),
            (MOUTH, layout.mouth_share, 0.12),
            (EYES, layout.eyes_share, 0.12),
        ):
            density[_box(x, y, landmarks[part], grow) & inside] = share
        between = in_polygon(x, y, landmarks[60:68, :2])
        density[between] = 0
        brow, top = landmarks[BROWS, 1].max(), landmarks[BROWS, 1].max() + 0.6
        temples = np.abs(landmarks[[0, 16], 0]).mean() - 0.1
        forehead = (np.abs(x) < temples) & (y > brow) & (y < top) & inside
        luma = gaussian_filter(colours, (1, 1, 0)) @ _LUMA
        skin = np.median(luma[in_polygon(x, y, landmarks[[1, 4, 31, 27, 35, 12, 15], :2]) & inside])
        outer = (y > brow) | ((np.abs(x) > temples - 0.15) & (y > landmarks[33, 1]))
        hair = inside & (((luma < 0.6 * skin) & outer) | (y > top))
        by_y, by_x = np.gradient(gaussian_filter(points[..., 2], 2), _STEP)
        slopes = np.stack([by_x, by_y], -1)
        return cls(points, colours, inside, density, hair, forehead, slopes, landmarks, layout.fringe)

    def sampled(self, count: int, random: np.random.Generator) -> _Part:
        index = random.choice(self.density.size, count, p=(self.density / self.density.sum()).ravel())
        positions = self.points.reshape(-1, 3)[index].copy()
        slopes = self.slopes.reshape(-1, 2)[index]
        within = random.uniform(-0.5, 0.5, (count, 2)) * _STEP
        positions += np.column_stack(
            [within, (within * slopes).sum(1) + random.uniform(-0.002, 0.002, count)]
        )
        hair = self.hair.ravel()[index]
        lifted = gaussian_filter(self.forehead.astype(float), 6).ravel()[index]
        positions[:, 2] += np.where(hair, self.fringe * lifted, 0)
        return _Part(positions, self.colours.reshape(-1, 3)[index], self._groups(positions, hair), slopes)

    def behind_fringe(self, random: np.random.Generator) -> _Part:
        """Forehead where hair hides it, in the colours of the skin nearby; not at the temples, where a turned
        head would show it through the hair."""
        skin = self.inside & ~self.hair & self.forehead
        middle = np.abs(self.points[..., 0]) < 0.8 * np.abs(self.landmarks[BROWS, 0]).max()
        rows, columns = np.nonzero(self.hair & self.forehead & middle & (_distance(~skin) < 25))
        if not len(rows) or not skin.any():
            return _Part(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros((0, 2)))
        chosen = random.choice(len(rows), min(len(rows) // 4, 900), replace=False)
        place = rows[chosen], columns[chosen]
        colours = _spread(self.colours, skin, 6.0)
        hidden = np.full(len(chosen), Group.BACKING)
        positions = self.points[place] - [0, 0, 0.02]
        return _Part(positions, colours[place], hidden, self.slopes[place], cover=1.0)

    def backing(self, count: int, random: np.random.Generator) -> _Part:
        """Discs behind the surface, well within its outline, in blurred colours; not behind eyes and lips."""
        x, y = self.points[..., 0], self.points[..., 1]
        closed = self.inside.copy()
        for part, grow in ((slice(36, 42), 0.0), (slice(42, 48), 0.0), (slice(60, 68), 0.1)):
            closed &= ~_box(x, y, self.landmarks[part], grow)
        deep = _distance(self.inside) > 12
        rows, columns = np.nonzero(closed & deep)
        chosen = random.choice(len(rows), min(count, len(rows)), replace=False)
        place = rows[chosen], columns[chosen]
        positions = self.points[place] - [0, 0, _BEHIND]
        colours, backings = _spread(self.colours, closed, 4.0)[place], np.full(len(chosen), Group.BACKING)
        return _Part(positions, colours, backings, self.slopes[place], size=(0.02, 0.08), cover=1.0)

    def _groups(self, positions: np.ndarray, hair: np.ndarray) -> np.ndarray:
        x, y, landmarks = positions[:, 0], positions[:, 1], self.landmarks
        groups = np.full(len(x), Group.SKIN)
        groups[~_in_hull(positions[:, :2], landmarks[:, :2], 0.6)] = Group.REST
        mouth = _box(x, y, landmarks[MOUTH], 0.12)
        upper, lower = landmarks[list(INNER_UPPER)], landmarks[list(INNER_LOWER)]
        middle = np.interp(x, upper[:, 0], (upper[:, 1] + lower[:, 1]) / 2)
        groups[mouth] = np.where(y > middle, Group.UPPER_LIP, Group.LOWER_LIP)[mouth]
        for eye in (slice(36, 42), slice(42, 48)):
            groups[in_polygon(x, y, landmarks[eye, :2])] = Group.EYES
        groups[hair] = Group.HAIR
        return groups


def _plate(x: np.ndarray, y: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z of a thin plate through the landmarks, and within their outline, both ``[H, W]``."""
    places = np.stack([x.ravel(), y.ravel()], 1)
    plate = RBFInterpolator(landmarks[:, :2], landmarks[:, 2], kernel="thin_plate_spline", smoothing=1e-3)
    outline = landmarks[ConvexHull(landmarks[:, :2]).vertices, :2]
    within = Delaunay(outline).find_simplex(places) >= 0
    return plate(places).reshape(x.shape), within.reshape(x.shape)


def _front(x: np.ndarray, y: np.ndarray, mesh: Mesh, places: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """z of the mesh's frontmost surface, and where the mesh is, both ``[H, W]``; ``places`` are looked at on
    each triangle."""
    draw = np.random.default_rng(0).random((places, 2))
    draw = np.where(draw.sum(1, keepdims=True) > 1, 1 - draw, draw)
    inside = np.column_stack([1 - draw.sum(1), draw])
    samples = np.einsum("pk,tkc->tpc", inside, mesh.vertices[mesh.triangles]).reshape(-1, 3)
    column = np.round((samples[:, 0] - _LOW[0]) / _STEP).astype(int).clip(0, x.shape[1] - 1)
    row = np.round((samples[:, 1] - _LOW[1]) / _STEP).astype(int).clip(0, x.shape[0] - 1)
    front = np.full(x.shape, -np.inf)
    np.maximum.at(front, (row, column), samples[:, 2])
    front = maximum_filter(front, 3)
    known = np.isfinite(front)
    weight = gaussian_filter(known.astype(float), 1.5)
    smooth = gaussian_filter(np.where(known, front, 0), 1.5) / np.maximum(weight, 1e-3)
    return smooth, binary_erosion(known, iterations=2)


def _with_skull(x: np.ndarray, y: np.ndarray, face: np.ndarray, within: np.ndarray) -> np.ndarray:
    """z of ``face`` where it is known (``within``), which goes over into an ellipsoid beyond.

    Nowhere steeper than _STEEPEST: a turned head would show gaps where the front shows cliffs.
    """
    square = (x / 1.05) ** 2 + ((y - 0.25) / 1.55) ** 2
    skull = np.sqrt(np.maximum(1 - square, 0.02))
    skull += np.median((face - skull)[within])
    nearest = distance_transform_edt(~within, return_distances=False, return_indices=True)
    share = np.clip(1 - _distance(~within) * _STEP / 0.25, 0, 1)
    depth = share * face[tuple(np.asarray(nearest))] + (1 - share) * skull
    fall = -_STEEPEST * _STEP * np.hypot(*np.mgrid[-1:2, -1:2])
    for _ in range(100):
        depth = grey_dilation(depth, structure=fall, mode="nearest")
    return depth


def _looks(
    data: TrainingSet, rows: np.ndarray, points: np.ndarray, landmarks: np.ndarray, layout: HeadLayout
) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours of the ``points [H, W, 3]``, carried along by the landmarks, and which are the head's."""
    flat = points.reshape(-1, 3)
    pull = pull_of_landmarks(flat, landmarks, layout.width, layout.ridge)
    votes, weights, sums = np.zeros(len(flat)), np.zeros(len(flat)), np.zeros((len(flat), 3))
    for row in rows:
        seen = flat + pull @ (data.points[row] - landmarks)
        pixels = _project(data, row, seen) - 0.5
        share = data.alpha[row].astype(f4) * data.head[row] / 255**2
        here = map_coordinates(share, pixels[:, ::-1].T, order=1, mode="constant")
        votes += here > 0.5
        weights += here + 1e-4
        for channel in range(3):
            value = map_coordinates(
                data.colour[row][..., channel] / 255, pixels[:, ::-1].T, order=1, mode="nearest"
            )
            sums[:, channel] += (here + 1e-4) * value
    shape = points.shape[:2]
    return (sums / weights[:, None]).reshape(*shape, 3), (votes > 0.25 * len(rows)).reshape(shape)


def _interior(
    data: TrainingSet,
    rows: np.ndarray,
    landmarks: np.ndarray,
    layout: HeadLayout,
    random: np.random.Generator,
) -> _Part:
    """The inside of the mouth where the widest mouths show it, laid back behind the mean face's lips."""
    openness = mouth_openness(data.points[rows])
    wide = rows[np.argsort(openness)[int(0.98 * len(rows)) :]]
    positions, colours = [], []
    for row in wide:
        lips = data.points[row].astype(np.float64)
        count = -(-layout.interior // len(wide))
        x = random.uniform(lips[60, 0] - 0.01, lips[64, 0] + 0.01, count)
        upper = np.interp(x, lips[list(INNER_UPPER), 0], lips[list(INNER_UPPER), 1]) + 0.05
        lower = np.interp(x, lips[list(INNER_LOWER), 0], lips[list(INNER_LOWER), 1]) - 0.03
        y = lower + (upper - lower) * random.random(count)
        z = lips[60:68, 2].min() - random.uniform(0.04, 0.1, count)
        there = np.stack([x, y, z], 1)
        pixels = _project(data, row, there) - 0.5
        shown = [
            map_coordinates(data.colour[row][..., c] / 255, pixels[:, ::-1].T, order=1, mode="nearest")
            for c in range(3)
        ]
        inside = (y < upper - 0.055) & (y > lower + 0.035)
        dark = np.array([0.30, 0.16, 0.14])
        colours.append(np.where(inside[:, None], np.stack(shown, 1), dark))
        pull = pull_of_landmarks(there, lips, layout.width, layout.ridge)
        positions.append(there - pull @ (lips - landmarks))
    places = np.concatenate(positions)[: layout.interior]
    flat, groups = np.zeros((len(places), 2)), np.full(len(places), Group.INTERIOR)
    return _Part(places, np.concatenate(colours)[: layout.interior], groups, flat)


def _project(data: TrainingSet, row: int, points: np.ndarray) -> np.ndarray:
    """Pixels ``[P, 2]`` of head points ``[P, 3]`` in a training frame."""
    pose = HeadPose(data.rotation[row : row + 1], data.translation[row : row + 1])
    return data.camera.project(pose.to_camera(points[None]))[0]


def _distance(known: np.ndarray) -> np.ndarray:
    """Cells from each place where ``known`` holds to the nearest where it does not."""
    return np.asarray(distance_transform_edt(known))


def _box(x: np.ndarray, y: np.ndarray, points: np.ndarray, grow: float) -> np.ndarray:
    low, high = points[:, :2].min(0) - grow, points[:, :2].max(0) + grow
    return (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])


def in_polygon(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points are within a polygon ``[C, 2]`` (even number of crossings: outside)."""
    inside = np.zeros(np.shape(x), bool)
    for (x0, y0), (x1, y1) in zip(np.roll(corners, 1, 0), corners, strict=True):
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0 + 1e-12) + x0)
    return inside


def _in_hull(places: np.ndarray, points: np.ndarray, above: float) -> np.ndarray:
    """Which ``places [P, 2]`` are within the outline of ``points``, raised at the top by ``above``."""
    raised = points[17:27] + np.array([0, above])
    return Delaunay(np.vstack([points, raised])).find_simplex(places) >= 0


def _spread(colours: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """Colours of the ``known`` cells carried into the others, by normalised convolution."""
    result = np.zeros_like(colours)
    filled = np.zeros(known.shape, bool)
    for width in (sigma, 4 * sigma, 16 * sigma):
        weight = gaussian_filter(known.astype(float), width)
        reached = (weight > 1e-3) & ~filled
        for channel in range(3):
            blurred = gaussian_filter(colours[..., channel] * known, width)
            result[..., channel][reached] = blurred[reached] / weight[reached]
        filled |= reached
    return result
