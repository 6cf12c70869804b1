"""The torso's splats: a sheet in the camera frame that follows the head's pose as the person's shoulders did.

Shoulders hardly follow the head, so pictures conditioned on the head's pose alone would blur them. Each frame's
torso is registered to a reference frame first (shift, turn and size); training moves the splats by what was
measured, and a regression on the pose stands in for it when rendering.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.capture.video import LUMA
from emogene.avatar.pose_scale import PoseScale
from emogene.avatar.torso_motion import MOVES, POSE, TorsoMotion
from emogene.avatar.train.splats.trainer import Rates, Sample, SplatTrainer, SplatTraining
from emogene.face.camera import Camera
from emogene.motion2video.splats.gaussians import Gaussians, Group
from emogene.motion2video.splats.layout import COLOUR, OPACITY, POSITION, ROWS
from emogene.motion2video.splats.view import View

f4 = np.float32
_BEHIND = 0.6  # the torso's sheet is that far behind the head's origin, dm
Progress = Callable[[Any, str], Iterable]


@dataclass(frozen=True)
class TorsoTraining:
    splats: int = 4500
    clips: int = 12
    """How many clips, those most like the usual one, are learnt from: clothes lie differently in each."""
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
    progress: Progress = lambda steps, _: steps,
    work: Path | None = None,
    threads: int = 1,
) -> tuple[Gaussians, TorsoMotion]:
    """The torso that ``rows`` of ``data`` show, over its usual place."""
    scale = PoseScale.fit(data.rotation[rows], data.translation[rows])
    poses = scale(data.rotation[rows], data.translation[rows])
    reference = usual_row(rows, data.clip[rows], poses)
    moves, misfit = register(data, rows, reference, progress)
    clips = np.unique(data.clip[rows])
    by_clip = np.array([np.median(misfit[data.clip[rows] == c]) for c in clips])
    alike = clips[np.argsort(by_clip, kind="stable")[: config.clips]]
    motion = TorsoMotion(scale, follow(poses, moves, data.clip[rows]))
    used = np.isin(data.clip[rows], alike)
    conditions = dict(zip(rows[used].tolist(), np.concatenate([moves, poses], 1)[used].astype(f4), strict=True))
    splats = initial_torso(data, rows[used], conditions, reference, config)
    for name, stage in (("coarse", config.coarse), ("fine", config.fine)):
        samples = TorsoSamples(data, conditions, config, fine=name == "fine")
        trainer = SplatTrainer(splats, samples, stage, threads=threads)
        checkpoint = work / f"torso-{name}.npz" if work else None
        splats = trainer.run(lambda steps, name=name: progress(steps, f"torso, {name}"), checkpoint)
    return centred(splats, moves, data.clip[rows], reference_clip=int(data.clip[reference])), motion


def usual_row(rows: np.ndarray, clip: np.ndarray, poses: np.ndarray) -> int:
    """Of the clip whose mean pose is nearest to that of all, the frame nearest to its own mean."""
    means = {c: poses[clip == c].mean(0) for c in np.unique(clip)}
    usual = min(means, key=lambda c: float(np.linalg.norm(means[c])))
    distance = np.linalg.norm(poses - means[usual], axis=1) + 1e3 * (clip != usual)
    return int(rows[distance.argmin()])


def register(
    data: TrainingSet, rows: np.ndarray, reference: int, progress: Progress, step: int = 2, rounds: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Each frame's torso against that of the ``reference``: moves ``[R, 4]`` and what they leave over ``[R]``.

    Gauss-Newton on blurred luma at every ``step``-th pixel of the torso; the least half of what a pixel differs
    counts fully, the rest less and less.
    """
    template = gaussian_filter(data.colour[reference].astype(f4) @ LUMA / 255, 1.5)
    # The outline counts as well as the folds: what is outside of the person is dark.
    solid = gaussian_filter(data.alpha[reference].astype(f4) / 255, 1.5)
    visible = _below_head(data, reference)
    y, x = (v[visible][::step] for v in np.mgrid[: visible.shape[0], : visible.shape[1]])
    centre = _centre(visible)
    planes = np.stack([template * solid, 0.5 * solid])
    slopes = np.gradient(planes, axis=(1, 2))
    by_y, by_x = (s[:, y, x] for s in slopes)
    u, v = x - centre[0], y - centre[1]
    jacobian = np.stack([by_x, by_y, u * by_y - v * by_x, u * by_x + v * by_y], -1).reshape(-1, MOVES)
    wanted = planes[:, y, x]
    moves, left = np.zeros((len(rows), MOVES)), np.zeros(len(rows))
    for i, row in enumerate(progress(rows, "torso, registered")):
        alpha = gaussian_filter(data.alpha[row].astype(f4) / 255, 1.5)
        picture = np.stack([gaussian_filter(data.colour[row].astype(f4) @ LUMA / 255, 1.5) * alpha, 0.5 * alpha])
        near = i > 0 and data.clip[row] == data.clip[rows[i - 1]]
        move = moves[i - 1].copy() if near else np.zeros(MOVES)
        for _ in range(rounds):
            place = _moved(x, y, centre, move)
            seen = np.stack([map_coordinates(p, place, order=1, mode="nearest") for p in picture])
            residual = (seen - wanted).reshape(-1)
            weight = 1 / (1 + (residual / (2 * np.median(np.abs(residual)) + 1e-4)) ** 2)
            weighted = jacobian * weight[:, None]
            change = np.linalg.solve(weighted.T @ jacobian + 1e-6 * np.eye(MOVES), weighted.T @ residual)
            move -= change
        moves[i], left[i] = move, np.abs(residual).mean()
    return moves, left


def _below_head(data: TrainingSet, row: int) -> np.ndarray:
    """The pixels ``[S, S]`` where the torso alone can be."""
    visible = gaussian_filter((data.head[row] < 16).astype(f4), 2) > 0.95
    visible[: len(visible) // 2] = False
    return visible


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
    data: TrainingSet, rows: np.ndarray, conditions: dict[int, np.ndarray], reference: int, config: TorsoTraining
) -> Gaussians:
    """Discs on the sheet, denser at edges, moved by the torso's moves."""
    random, size = np.random.default_rng(config.seed), data.colour.shape[1]
    picture = continue_torso(data.colour[reference], data.alpha[reference], data.head[reference]).astype(f4) / 255
    luma = gaussian_filter((picture[..., :3] @ LUMA) * picture[..., 3], 1)
    density = (picture[..., 3] > 0.2) * (0.02 + np.hypot(*np.gradient(luma)))
    index = random.choice(size * size, config.splats, p=(density / density.sum()).ravel())
    x, y = index % size + random.random(len(index)), index // size + random.random(len(index))
    z = float(data.translation[rows, 2].mean()) - _BEHIND
    pixel = -z / float(data.focal)
    apart = cKDTree(np.stack([x, y], 1)).query(np.stack([x, y], 1), k=5)[0][:, 1:].mean(1)
    base = np.zeros((ROWS, len(index)), f4)
    base[POSITION] = data.camera.unproject(np.stack([x, y], 1), np.full(len(index), z)).T
    base[3] = base[7] = np.clip(0.8 * apart, 0.6, 6) * pixel
    base[OPACITY], base[COLOUR] = 0.8, picture[index // size, index % size, :3].T
    splats = Gaussians.still(base, np.full(len(index), Group.TORSO, np.uint8), MOVES + POSE)
    centre = _centre(_below_head(data, reference))
    u, v = x - centre[0], y - centre[1]
    ones, zeros = np.ones(len(index)), np.zeros(len(index))
    right, down = np.stack([ones, zeros, -v, u]), np.stack([zeros, ones, u, v])
    splats.motion[0, :MOVES], splats.motion[1, :MOVES] = right * pixel, -down * pixel
    return splats


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

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        return random.choice(self.rows, count)

    def __getitem__(self, row: int) -> Sample:
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
    opacity = np.where(head < 64, alpha * 1.0, opacity)
    shade = np.maximum(gaussian_filter(person, sigma), 1e-4)
    spread = np.stack([gaussian_filter(person * colour[..., c], sigma) / shade for c in range(3)], -1)
    filled = np.where((head < 64)[..., None], colour, spread)
    return np.concatenate([filled, opacity[..., None]], -1).clip(0, 255).astype(np.uint8)


def centred(splats: Gaussians, moves: np.ndarray, clip: np.ndarray, reference_clip: int) -> Gaussians:
    """With the base where the torso was in the reference clip on average, so that a condition of 0 is usual."""
    mean = np.zeros(splats.motion.shape[1], f4)
    mean[:MOVES] = moves[clip == reference_clip].mean(0)
    return Gaussians(splats.at(mean), splats.motion, splats.groups)
