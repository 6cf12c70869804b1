"""The head model laid on a person: one neutral mesh in the person's canonical frame, from many frames.

Calm frames are pooled first: in every frame a point is known well across the line of sight and poorly along
it, so its mean over frames comes with a precision ``[3, 3]``. A similarity and identity modes are then fitted
to these means by Gauss-Newton with a prior of one standard deviation per mode; where a matte is given, the
rim of the mesh is drawn to its edge. What is left is bent away by a smooth thin-plate spline, the personal
residual. Nothing is explained by expressions: the frames are calm, and a resting face must stay one.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from emogene.errors import EmoGeneError
from emogene.face.camera import Camera
from emogene.face.head import HeadModel, normals
from emogene.face.landmarks import MOUTH, N_POINTS, eye_openness, mouth_openness
from emogene.face.pose import HeadPose

# MediaPipe's face oval: where the face ends in the picture, no material points.
OVAL = frozenset(
    (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    )
)
_IN_THE_MOUTH = ("gums_tongue", "teeth")
_LIDS = {"eyeball_right": slice(36, 42), "eyeball_left": slice(42, 48)}


@dataclass(frozen=True)
class FitConfig:
    frames: int = 48
    """Calm frames to use, spread over the video."""
    noise: float = 0.0085
    """Decimetres: what a tracked point is off by, and the mesh's correspondence with it."""
    depth: float = 0.25
    """Trust in MediaPipe's depth against its x and y."""
    contour: float = 0.1
    """Weight of the oval's points."""
    prior: float = 3.0
    """Weight of one squared standard deviation of an identity mode."""
    rim: float = 0.03
    """Weight of a vertex on the silhouette."""
    rim_reach: float = 0.1
    """Decimetres on either side in which the matte's edge is looked for."""
    bend: float = 3e-4
    """Smoothing of the personal residual; 0 passes through every point."""
    fade: float = 0.35
    """Decimetres from the nearest point over which the personal residual fades (Gaussian)."""
    steps: int = 8


@dataclass(frozen=True)
class Reprojection:
    """Distance of the mesh's points from the tracked ones in the calm frames, the oval left out."""

    points: int
    pixels: float
    pixels_95: float
    millimetres: float
    model_millimetres: float
    """The same before the personal residual."""


@dataclass(frozen=True)
class FittedHead:
    """The head model as this person.

    ``neutral [V, 3]``: decimetres, the person's canonical frame; ``linear [3, 3]``: takes the model's
    displacements there (rotation and scale); ``identity [M]``: standard deviations.
    """

    model: HeadModel = field(repr=False)
    neutral: np.ndarray
    linear: np.ndarray
    identity: np.ndarray
    error: Reprojection

    def displacement(self, weights: np.ndarray) -> np.ndarray:
        """``[..., V, 3]``: what ARKit weights ``[..., 52]`` add to the neutral mesh."""
        return self.model.displacement(weights) @ self.linear.T.astype(np.float32)

    @property
    def landmark_basis(self) -> np.ndarray:
        """``[52, 68, 3]``: what each ARKit shape at 1 adds to this person's 68 points."""
        return (self.model.landmark_basis @ self.linear.T).astype(np.float32)


def fit_head(
    tracked: np.ndarray,
    index: np.ndarray,
    points: np.ndarray,
    pose: HeadPose,
    camera: Camera,
    matte: np.ndarray | None = None,
    config: FitConfig | None = None,
    model: HeadModel | None = None,
) -> FittedHead:
    """Fit to a video.

    ``tracked [T, P, 3]``: MediaPipe's points in pixels, z on the x scale, the first 68 in our order;
    ``index [P]``: which of MediaPipe's points they are; ``points [T, 68, 3]`` and ``pose``: what
    :func:`emogene.face.canonical.canonicalise` made of them; ``matte [T, H, W]``: the person's share of each
    pixel, 0 to 255. Raises EmoGeneError where no frame is calm.
    """
    config, model = config or FitConfig(), model or HeadModel.embedded()
    calm = calm_frames(points, config.frames)
    known = np.asarray(index) < len(model.mediapipe_vertex)
    index, pose = np.asarray(index)[known], pose[calm]
    dense = _canonical(tracked[calm][:, known], points[calm], pose, camera)
    material = ~np.isin(index, list(OVAL))
    target = _pooled(dense, pose, np.where(material, 1.0, config.contour), config)
    fit = _Fit(model, index, config)
    for step in range(config.steps):
        rim = None if matte is None or step < 2 else _rim(fit, pose, camera, matte[calm], config)
        fit.step(target, rim)
    mesh = fit.mesh()
    before = model.mediapipe(mesh)[index]
    mesh = mesh + _personal(mesh, before[material], target.mean[material] - before[material], model, config)
    shown = model.mediapipe(mesh)[index]
    error = _reprojection(
        shown[material], before[material], tracked[calm][:, known][:, material], pose, camera
    )
    return FittedHead(model, mesh.astype(np.float32), fit.scale * fit.rotation, fit.identity, error)


def calm_frames(points: np.ndarray, count: int) -> np.ndarray:
    """Up to ``count`` rows of ``points [T, 68, 3]`` at rest: lips closed, eyes open, near their median."""
    mouth, eyes = mouth_openness(points), eye_openness(points)
    resting = np.flatnonzero((mouth <= np.quantile(mouth, 0.25)) & (eyes >= np.quantile(eyes, 0.4)))
    if len(resting) == 0:
        raise EmoGeneError("no frame shows the person with closed lips and open eyes; give a longer video")
    apart = np.linalg.norm(points[resting] - np.median(points[resting], axis=0), axis=-1).mean(1)
    nearest = resting[np.sort(np.argsort(apart, kind="stable")[: max(count, len(resting) // 2)])]
    return nearest[np.unique(np.linspace(0, len(nearest) - 1, count).round().astype(int))]


@dataclass(frozen=True)
class _Pooled:
    """Points ``mean [P, 3]`` in the head frame with their ``precision [P, 3, 3]``."""

    mean: np.ndarray
    precision: np.ndarray


def _canonical(tracked: np.ndarray, points: np.ndarray, pose: HeadPose, camera: Camera) -> np.ndarray:
    """All tracked points in the head frame ``[T, P, 3]``, at the depth that the 68 were given."""
    z = pose.to_camera(points)[..., 2]
    depth = tracked[..., 2]
    own = depth[:, :N_POINTS]
    spread = own - own.mean(1, keepdims=True)
    slope = (spread * z).sum(1, keepdims=True) / (spread**2).sum(1, keepdims=True)
    z = z.mean(1, keepdims=True) + slope * (depth - own.mean(1, keepdims=True))
    return pose.to_head(camera.unproject(tracked[..., :2], z))


def _pooled(dense: np.ndarray, pose: HeadPose, weight: np.ndarray, config: FitConfig) -> _Pooled:
    """The mean of ``dense [T, P, 3]``, each frame trusted across its own line of sight."""
    trust = np.diag([1, 1, config.depth**2])
    each = pose.rotation.swapaxes(1, 2) @ trust @ pose.rotation
    total = each.sum(0)
    mean = np.einsum("ij,tjk,tpk->pi", np.linalg.inv(total), each, dense)
    return _Pooled(mean, weight[:, None, None] * (total / len(dense)) / config.noise**2)


class _Fit:
    """Similarity and identity so far; a step of Gauss-Newton brings them nearer to what is wanted."""

    def __init__(self, model: HeadModel, index: np.ndarray, config: FitConfig) -> None:
        self.model, self.config = model, config
        self.vertex, self.weight = model.mediapipe_vertex[index], model.mediapipe_weight[index]
        self.scale, self.rotation, self.translation = 1.0, np.eye(3), np.zeros(3)
        self.identity = np.zeros(model.modes)

    def mesh(self) -> np.ndarray:
        """``[V, 3]`` in the person's frame."""
        return self.scale * self.model.neutral(self.identity) @ self.rotation.T + self.translation

    def step(self, target: _Pooled, rim: tuple[np.ndarray, _Pooled] | None) -> None:
        normal, pull = self._pull(self.vertex, self.weight, target)
        if rim is not None:
            vertex, wanted = rim
            more = self._pull(vertex[:, None], np.ones((len(vertex), 1)), wanted)
            normal, pull = normal + more[0], pull + more[1]
        prior = np.zeros(len(pull))
        prior[7:] = self.config.prior
        pull[7:] -= self.config.prior * self.identity
        change = np.linalg.solve(normal + np.diag(prior + 1e-9), pull)
        self.rotation = Rotation.from_rotvec(change[:3]).as_matrix() @ self.rotation
        self.translation = self.translation + change[3:6]
        self.scale *= float(np.exp(change[6]))
        self.identity = self.identity + change[7:]

    def _pull(self, vertex: np.ndarray, weight: np.ndarray, wanted: _Pooled) -> tuple[np.ndarray, np.ndarray]:
        """Normal matrix and right-hand side of the vertices' shares against ``wanted``, far ones doubted."""
        shares = weight[..., None]
        turned = self.scale * (self.model.neutral(self.identity)[vertex] * shares).sum(1) @ self.rotation.T
        rest = wanted.mean - turned - self.translation
        modes = self.scale * (self.model.identity[:, vertex] * shares).sum(2) @ self.rotation.T
        jacobian = np.concatenate(
            [
                np.cross(np.eye(3)[None], turned[:, None]),  # about x, y, z
                np.broadcast_to(np.eye(3), (len(rest), 3, 3)),
                turned[:, None],
                modes.swapaxes(0, 1),
            ],
            1,
        )
        distance = np.sqrt(np.einsum("pi,pij,pj->p", rest, wanted.precision, rest))
        precision = wanted.precision / (1 + (distance / 4) ** 2)[:, None, None]
        weighted = jacobian @ precision
        return np.einsum("pai,pbi->ab", weighted, jacobian), np.einsum("pai,pi->a", weighted, rest)


def _rim(
    fit: _Fit, pose: HeadPose, camera: Camera, matte: np.ndarray, config: FitConfig
) -> tuple[np.ndarray, _Pooled] | None:
    """Vertices on the silhouette, and where the matte's edge wants them, along their outward normals.

    Between mouth and brows only: below, the neck is behind the jaw; above, there is hair.
    """
    mesh = fit.mesh()
    skin = fit.model.triangles("face", "head_neck")
    outward = normals(mesh, skin)
    low, high = mesh[fit.model.landmarks[48], 1], mesh[fit.model.landmarks[19], 1]
    side = np.flatnonzero((mesh[:, 1] > low) & (mesh[:, 1] < high) & (np.abs(outward[:, 0]) > 0.5))
    total, pull = np.zeros((len(mesh), 3, 3)), np.zeros((len(mesh), 3))
    for t in range(len(pose)):
        place = pose[np.array([t])]
        rim = side[_outermost(camera.project(place.to_camera(mesh[side])[0]))]
        seen, normal = place.to_camera(mesh[rim])[0], outward[rim] @ place.rotation[0].T
        shift, found = _edge(seen, normal, camera, matte[t], config.rim_reach)
        along = outward[rim[found]]
        total[rim[found]] += along[:, :, None] * along[:, None]
        pull[rim[found]] += along * shift[found, None]
    used = np.flatnonzero(np.trace(total, axis1=1, axis2=2) > 0)
    if len(used) == 0:
        return None
    moved = (np.linalg.pinv(total[used]) @ pull[used][..., None])[..., 0]
    return used, _Pooled(mesh[used] + moved, config.rim * total[used] / len(pose) / config.noise**2)


def _outermost(pixels: np.ndarray) -> np.ndarray:
    """Of points ``[P, 2]``, the leftmost and the rightmost of each row of pixels."""
    row = pixels[:, 1].astype(int)
    order = np.lexsort((pixels[:, 0], row))
    first = np.flatnonzero(np.diff(row[order], prepend=-1))
    return np.unique(np.concatenate([order[first], order[np.append(first[1:], len(order)) - 1]]))


def _edge(
    seen: np.ndarray, normal: np.ndarray, camera: Camera, matte: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """How far outwards ``[P]`` from points ``seen [P, 3]`` the matte ends, and whether it does, bool ``[P]``.

    Camera frame, decimetres. The matte must be whole at ``-reach`` and empty at ``reach``.
    """
    steps = np.linspace(-reach, reach, 41)
    line = seen[:, None] + steps[:, None] * normal[:, None]
    pixels = camera.project(line) * np.array([matte.shape[1] / camera.width, matte.shape[0] / camera.height])
    share = map_coordinates(matte / 255.0, (pixels - 0.5).reshape(-1, 2)[:, ::-1].T, order=1, mode="nearest")
    share = share.reshape(len(seen), -1)
    found = (share[:, 0] > 0.9) & (share[:, -1] < 0.1)
    return steps[(share > 0.5).sum(1) - 1], found


def _personal(
    mesh: np.ndarray, at: np.ndarray, rest: np.ndarray, model: HeadModel, config: FitConfig
) -> np.ndarray:
    """A smooth displacement ``[V, 3]`` that takes points ``at [P, 3]`` by ``rest [P, 3]``.

    Eyeballs and teeth stay rigid and go with their lids and lips.
    """
    at, first = np.unique(at, axis=0, return_index=True)
    spline = RBFInterpolator(at, rest[first], kernel="thin_plate_spline", smoothing=config.bend, degree=1)
    far = KDTree(at).query(mesh)[0]
    share = np.exp(-((far / config.fade) ** 2))
    moved = np.zeros_like(mesh)
    near = share > 1e-3
    moved[near] = spline(mesh[near]) * share[near, None]
    for eye, lids in _LIDS.items():
        moved[model.parts[eye]] = moved[model.landmarks[lids]].mean(0)
    for part in _IN_THE_MOUTH:
        moved[model.parts[part]] = moved[model.landmarks[MOUTH]].mean(0)
    return moved


def _reprojection(
    shown: np.ndarray, before: np.ndarray, tracked: np.ndarray, pose: HeadPose, camera: Camera
) -> Reprojection:
    seen = pose.to_camera(np.broadcast_to(shown, (len(pose), *shown.shape)))
    pixels = np.linalg.norm(camera.project(seen) - tracked[..., :2], axis=-1)
    first = np.linalg.norm(
        camera.project(pose.to_camera(np.broadcast_to(before, (len(pose), *before.shape))))
        - tracked[..., :2],
        axis=-1,
    )
    millimetres = 100 * -seen[..., 2] / camera.focal
    return Reprojection(
        points=len(shown),
        pixels=float(pixels.mean()),
        pixels_95=float(np.quantile(pixels, 0.95)),
        millimetres=float((pixels * millimetres).mean()),
        model_millimetres=float((first * millimetres).mean()),
    )
