"""The torso's splats: a sheet in the camera frame that follows the head's pose as the shoulders did.

Shoulders hardly follow the head, so pictures conditioned on the head's pose alone would blur them. Each
frame's torso is registered to a reference frame first (shift, turn and size); training moves the splats by
what was measured, and a regression on the pose stands in for it when rendering.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial import KDTree

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.capture.layers import face_region
from emogene.avatar.capture.video import LUMA
from emogene.avatar.pose_scale import PoseScale
from emogene.avatar.torso_motion import MOVES, POSE, TorsoMotion
from emogene.avatar.train.trainer import Rates, Sample, SplatTrainer, SplatTraining
from emogene.face.camera import Camera
from emogene.motion2video.splats.gaussians import Gaussians, Group
from emogene.motion2video.splats.layout import COLOUR, OPACITY, POSITION, ROWS
from emogene.motion2video.splats.view import View
from emogene.progress import Progress, over, silent

f4 = np.float32
_BEHIND = 0.6  # the torso's sheet is that far behind the head's origin, dm


@dataclass(frozen=True)
class TorsoTraining:
    splats: int = 4500
    sparse: int = 4
    """Every how manieth frame tells which clips those are, and how the torso follows the head."""
    clips: int = 2
    """How many clips, those most like the usual one, are learnt from: clothes lie differently in each, and
    the mean of many is a blur."""
    coarse: SplatTraining = field(
        default_factory=lambda: SplatTraining(steps=160, rates=Rates(position_motion=2e-5), relocate=80)
    )
    fine: SplatTraining = field(
        default_factory=lambda: SplatTraining(
            steps=80, rates=Rates(position_motion=2e-5).scaled(0.5), relocate=0, seed=1
        )
    )
    pose_noise: float = 0.25
    hidden_weight: float = 0.15
    """Weight of what the head hides, and a guess continues."""
    seed: int = 0


def train_torso(
    data: TrainingSet,
    rows: np.ndarray,
    config: TorsoTraining,
    progress: Progress = silent,
    work: Path | None = None,
    threads: int = 1,
) -> tuple[Gaussians, TorsoMotion]:
    """The torso that ``rows`` of ``data`` show, over its usual place."""
    scale = PoseScale.fit(data.rotation[rows], data.translation[rows])
    poses = scale(data.rotation[rows], data.translation[rows])
    reference = usual_row(rows, data.clip[rows], poses)
    template = torso_picture(data.colour[reference], data.alpha[reference])
    visible = below_head(data.head[reference])
    some = slice(None, None, config.sparse)
    moves, misfit = register(data, rows[some], template, visible, progress)
    clip = data.clip[rows[some]]
    motion = TorsoMotion(scale, follow(poses[some], moves, clip))
    by_clip = {c: np.median(misfit[clip == c]) for c in np.unique(clip)}
    alike = sorted(by_clip, key=lambda c: by_clip[c])[: config.clips]
    used = np.isin(data.clip[rows], alike)
    moves, _ = register(data, rows[used], template, visible, progress)
    conditions = dict(
        zip(rows[used].tolist(), np.concatenate([moves, poses[used]], 1).astype(f4), strict=True)
    )
    splats = initial_torso(data, conditions, reference, scale, config)
    for name, stage in (("coarse", config.coarse), ("fine", config.fine)):
        samples = TorsoSamples(data, conditions, config, fine=name == "fine")
        trainer = SplatTrainer(splats, samples, stage, threads=threads)
        checkpoint = work / f"torso-{name}.npz" if work else None
        splats = trainer.run(progress, f"torso, {name}", checkpoint)
    usual = data.clip[rows[used]] == data.clip[reference]
    return centred(splats, moves[usual].mean(0)), motion


def usual_row(rows: np.ndarray, clip: np.ndarray, poses: np.ndarray) -> int:
    """Of the clip whose mean pose is nearest to that of all, the frame nearest to its own mean."""
    means = {c: poses[clip == c].mean(0) for c in np.unique(clip)}
    usual = min(means, key=lambda c: float(np.linalg.norm(means[c])))
    distance = np.linalg.norm(poses - means[usual], axis=1) + 1e3 * (clip != usual)
    return int(rows[distance.argmin()])


def torso_picture(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """What torsos are registered by, ``[2, S, S]``: blurred luma before black, and the outline."""
    solid = gaussian_filter(alpha.astype(f4) / 255, 1.5)
    return np.stack([gaussian_filter(colour.astype(f4) @ LUMA / 255, 1.5) * solid, 0.5 * solid])


def below_head(head: np.ndarray) -> np.ndarray:
    """The pixels ``[S, S]`` where the torso alone can be, from the share of the head's layer."""
    visible = gaussian_filter((head < 16).astype(f4), 2) > 0.95
    visible[: len(visible) // 2] = False
    return visible


def register(
    data: TrainingSet,
    rows: np.ndarray,
    template: np.ndarray,
    visible: np.ndarray,
    progress: Progress = silent,
    step: int = 2,
    rounds: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """Each frame's torso against a ``template`` (:func:`torso_picture`): moves ``[R, 4]``, misfits ``[R]``.

    Gauss-Newton at every ``step``-th of the ``visible`` pixels; the more a pixel differs the less it counts.
    """
    y, x = (v[visible][::step] for v in np.mgrid[: visible.shape[0], : visible.shape[1]])
    centre = _centre(visible)
    by_y, by_x = (slope[:, y, x] for slope in np.gradient(template, axis=(1, 2)))
    u, v = x - centre[0], y - centre[1]
    jacobian = np.stack([by_x, by_y, u * by_y - v * by_x, u * by_x + v * by_y], -1).reshape(-1, MOVES)
    wanted = template[:, y, x].reshape(-1)
    moves, left = np.zeros((len(rows), MOVES)), np.zeros(len(rows))
    for i, row in enumerate(over(rows, "torso, registered", progress)):
        picture = torso_picture(data.colour[row], data.alpha[row])
        near = i > 0 and data.clip[row] == data.clip[rows[i - 1]]
        move, residual = moves[i - 1].copy() if near else np.zeros(MOVES), wanted
        for _ in range(rounds):
            place = _moved(x, y, centre, move)
            seen = [map_coordinates(plane, place, order=1, mode="nearest") for plane in picture]
            residual = np.concatenate(seen) - wanted
            weight = 1 / (1 + (residual / (2 * np.median(np.abs(residual)) + 1e-4)) ** 2)
            weighted = jacobian * weight[:, None]
            move -= np.linalg.solve(weighted.T @ jacobian + 1e-6 * np.eye(MOVES), weighted.T @ residual)
        moves[i], left[i] = move, np.abs(residual).mean()
    return moves, left


def _centre(visible: np.ndarray) -> tuple[float, float]:
    """x and y about which the torso turns and grows."""
    y, x = np.nonzero(visible)
    return float(x.mean()), float(y.mean())


def _moved(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], move: np.ndarray) -> np.ndarray:
    """Where pixels go: row and column ``[2, P]``."""
    u, v = x - centre[0], y - centre[1]
    right, down, turn, growth = move
    return np.stack([y + down + turn * u + growth * v, x + right - turn * v + growth * u])


def follow(poses: np.ndarray, moves: np.ndarray, clip: np.ndarray, ridge: float = 0.05) -> np.ndarray:
    """``[6, 4]``: moves per pose number within clips; where a person sits down differs between them."""
    pose, move = poses.copy(), moves.copy()
    for c in np.unique(clip):
        here = clip == c
        pose[here] -= pose[here].mean(0)
        move[here] -= move[here].mean(0)
    weight = ridge * len(pose) * np.eye(POSE)
    return np.linalg.solve(pose.T @ pose + weight, pose.T @ move).astype(f4)


def initial_torso(
    data: TrainingSet,
    conditions: dict[int, np.ndarray],
    reference: int,
    scale: PoseScale,
    config: TorsoTraining,
) -> Gaussians:
    """Discs on the sheet, denser at edges, moved by the torso's moves; the neck's go with the head, the more
    the nearer to it."""
    random, size = np.random.default_rng(config.seed), data.colour.shape[1]
    head = data.head[reference]
    picture = continue_torso(data.colour[reference], data.alpha[reference], head) / f4(255)
    luma = gaussian_filter((picture[..., :3] @ LUMA) * picture[..., 3], 1)
    by_y, by_x = np.gradient(luma)
    density = (picture[..., 3] > 0.2) * (0.02 + np.hypot(by_x, by_y))
    index = random.choice(size * size, config.splats, p=(density / density.sum()).ravel())
    x, y = index % size + random.random(len(index)), index // size + random.random(len(index))
    z = float(data.translation[list(conditions), 2].mean()) - _BEHIND
    pixel = -z / float(data.focal)
    apart = KDTree(np.stack([x, y], 1)).query(np.stack([x, y], 1), k=5)[0][:, 1:].mean(1)
    base = np.zeros((ROWS, len(index)), f4)
    base[POSITION] = data.camera.unproject(np.stack([x, y], 1), np.full(len(index), z)).T
    base[3] = base[7] = np.clip(0.8 * apart, 0.6, 6) * pixel
    base[OPACITY], base[COLOUR] = 0.8, picture[index // size, index % size, :3].T
    splats = Gaussians.still(base, np.full(len(index), Group.TORSO, np.uint8), MOVES + POSE)
    neck = _neck(data, reference, picture)[index // size, index % size]
    centre = _centre(below_head(head))
    u, v = x - centre[0], y - centre[1]
    ones, zeros = np.ones(len(index)), np.zeros(len(index))
    right, down = np.stack([ones, zeros, -v, u]), np.stack([zeros, ones, u, v])
    splats.motion[0, :MOVES], splats.motion[1, :MOVES] = (1 - neck) * right * pixel, (neck - 1) * down * pixel
    splats.motion[:3, MOVES:] = neck * _with_head(base[POSITION], data.translation[reference], scale)
    pose = conditions[reference][MOVES:]
    base[POSITION] -= np.tensordot(pose, splats.motion[:3, MOVES:], (0, 1))
    return splats


def _neck(data: TrainingSet, row: int, picture: np.ndarray, reach: float = 0.35) -> np.ndarray:
    """``[S, S]``: 1 where the neck meets the head, falling to 0 within ``reach`` dm; by the face's hue."""
    hue = picture[..., :3] / np.maximum(picture[..., :3].sum(-1, keepdims=True), 1e-3)
    face = face_region(data.pixels[row], len(picture))
    own = np.median(data.colour[row][face] / data.colour[row][face].sum(-1, keepdims=True), axis=0)
    skin = np.clip(2 - np.linalg.norm(hue - own, axis=-1) / 0.06, 0, 1)
    pixels = reach * float(data.focal) / -float(data.translation[row, 2])
    near = np.clip(1 - np.asarray(distance_transform_edt(data.head[row] < 64)) / pixels, 0, 1)
    return gaussian_filter(skin * near, 1.5)


def _with_head(positions: np.ndarray, translation: np.ndarray, scale: PoseScale) -> np.ndarray:
    """``[3, 6, N]``: how points ``[3, N]`` of the camera frame move per pose number if the head has them."""
    turned = np.cross(np.eye(3)[:, None], (positions.T - translation)[None]).transpose(2, 0, 1)
    shifted = np.tile(np.eye(3)[..., None], (1, 1, positions.shape[1]))
    return np.concatenate([turned, shifted], 1) * scale.deviation[None, :, None]


class TorsoSamples:
    """The torso of some frames, with what the head hides filled in from nearby."""

    def __init__(
        self, data: TrainingSet, conditions: dict[int, np.ndarray], config: TorsoTraining, fine: bool = False
    ) -> None:
        self.data, self.conditions, self.hidden = data, conditions, config.hidden_weight
        self.noise = np.array([0.0] * MOVES + [config.pose_noise] * POSE)
        self.fine = {int(r): i for i, r in enumerate(data.fine_index)} if fine else None
        self.rows = [r for r in conditions if self.fine is None or r in self.fine]
        own = data.colour.shape[1]
        self.size = data.fine_colour.shape[1] if fine else own
        self.view = View.fixed(Camera(float(data.focal) * self.size / own, self.size, self.size))
        self.made: dict[int, Sample] = {}

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        return random.choice(self.rows, count)

    def __getitem__(self, row: int) -> Sample:
        """Made once: clips are few."""
        if row not in self.made:
            self.made[row] = self._make(row)
        return self.made[row]

    def _make(self, row: int) -> Sample:
        data = self.data
        filled = continue_torso(data.colour[row], data.alpha[row], data.head[row])
        weight = np.where(data.head[row] < 64, f4(1), f4(self.hidden))
        if self.fine is not None:
            side = (self.size, self.size)
            seen = np.asarray(Image.fromarray(data.head[row]).resize(side, Image.Resampling.BILINEAR)) < 64
            guess = np.asarray(Image.fromarray(filled).resize(side, Image.Resampling.BILINEAR))
            i = self.fine[row]
            real = np.concatenate([data.fine_colour[i], data.fine_alpha[i][..., None]], -1)
            filled = np.where(seen[..., None], real, guess)
            weight = np.where(seen, f4(1), f4(self.hidden))
        colour, share = np.ascontiguousarray(filled[..., :3]), np.ascontiguousarray(filled[..., 3])
        return Sample(self.conditions[row], self.view, colour, share, weight)


def continue_torso(colour: np.ndarray, alpha: np.ndarray, head: np.ndarray, sigma: float = 5.0) -> np.ndarray:
    """The torso with what the head hides filled in from nearby: RGBA uint8 ``[S, S, 4]``, not premultiplied.

    A moving head uncovers a little of it; further up than the visible torso reaches it fades out.
    """
    visible = (head < 64).astype(f4)
    person = visible * (alpha > 250)
    weight = gaussian_filter(visible, sigma)
    opacity = np.clip(gaussian_filter(visible * alpha, sigma) / np.maximum(weight, 1e-3), 0, 255)
    opacity *= np.clip(weight * 20, 0, 1)
    within = np.asarray(distance_transform_edt(alpha > 128))
    opacity *= np.clip((within - 3) / 4, 0, 1)  # not beside the jaw, where a turning head would uncover it
    opacity = np.where(head < 64, alpha * 1.0, opacity)
    shade = np.maximum(gaussian_filter(person, sigma), 1e-4)
    spread = np.stack([gaussian_filter(person * colour[..., c], sigma) / shade for c in range(3)], -1)
    filled = np.where((head < 64)[..., None], colour, spread)
    return np.concatenate([filled, opacity[..., None]], -1).clip(0, 255).astype(np.uint8)


def centred(splats: Gaussians, moves: np.ndarray) -> Gaussians:
    """With the base where ``moves [4]`` put it, so that a condition of 0 is usual."""
    mean = np.zeros(splats.motion.shape[1], f4)
    mean[:MOVES] = moves
    return Gaussians(splats.at(mean), splats.motion, splats.groups)
