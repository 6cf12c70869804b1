"""The head's splats, from a training set: first at the size of its images, then on its fine ones."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.condition import ConditionBasis
from emogene.avatar.train.initial import (
    INNER_LOWER,
    INNER_UPPER,
    HeadLayout,
    Mesh,
    in_polygon,
    initial_head,
)
from emogene.avatar.train.sampling import frame_shares
from emogene.avatar.train.trainer import Rates, Sample, SplatTrainer, SplatTraining
from emogene.face.camera import Camera
from emogene.face.landmarks import EYES, MOUTH, mouth_openness
from emogene.motion2video.splats.gaussians import Gaussians, Group
from emogene.motion2video.splats.view import View
from emogene.progress import Progress, silent

f4 = np.float32
FACE = slice(17, 68)


@dataclass(frozen=True)
class HeadTraining:
    layout: HeadLayout = field(default_factory=HeadLayout)
    coarse: SplatTraining = field(default_factory=SplatTraining)
    """On all frames at the training set's own size."""
    fine: SplatTraining = field(
        default_factory=lambda: SplatTraining(steps=300, rates=Rates().scaled(0.5), relocate=0, seed=1)
    )
    """On the frames that are also kept fine."""
    noise: float = 0.1
    """Deviation of what is added to the condition."""
    sharpen: float = 0.2
    """Unsharp masking of the fine frames: what splats show is the mean of many, a little softer than each."""
    sharpen_sigma: float = 1.8


class HeadSamples:
    """Frames of a training set with the head layer's share, and weights by how closely they are looked at."""

    WEIGHTS = ((FACE, 0.15, 1.5), (MOUTH, 0.25, 3.0), (EYES, 0.15, 3.0))
    """Part, how far its box is widened (in half widths), weight."""

    def __init__(
        self,
        data: TrainingSet,
        rows: np.ndarray,
        basis: ConditionBasis,
        noise: float = 0.0,
        fine: bool = False,
        sharpen: tuple[float, float] = (0.0, 1.8),
    ) -> None:
        """``fine``: the frames that are kept fine; ``sharpen``: by what share of the difference to a blur,
        and how wide that is in pixels."""
        self.data, self.noise, self.sharpen = data, np.full(basis.width, noise), sharpen
        self.conditions = basis.encode(data.points, data.gaze)
        self.fine = {int(row): i for i, row in enumerate(data.fine_index)} if fine else None
        self.rows = np.array([r for r in rows if self.fine is None or int(r) in self.fine])
        self.shares = frame_shares(data.points[self.rows])
        own = data.colour.shape[1]
        self.size = data.fine_colour.shape[1] if fine else own
        self.zoom = self.size / own
        self.camera = Camera(float(data.focal) * self.zoom, self.size, self.size)

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        return random.choice(self.rows, count, p=self.shares)

    def __getitem__(self, row: int) -> Sample:
        data = self.data
        head = data.head[row]
        if self.fine is None:
            colour, alpha = data.colour[row], data.alpha[row]
        else:
            colour, alpha = data.fine_colour[self.fine[row]], data.fine_alpha[self.fine[row]]
            head = np.asarray(Image.fromarray(head).resize((self.size, self.size), Image.Resampling.BILINEAR))
            if self.sharpen[0]:
                percent = round(100 * self.sharpen[0])
                mask = ImageFilter.UnsharpMask(self.sharpen[1], percent, threshold=0)
                colour = np.asarray(Image.fromarray(colour).filter(mask))
        share = ((alpha.astype(np.uint16) * head + 127) // 255).astype(np.uint8)
        view = View(self.camera, data.rotation[row], data.translation[row])
        return Sample(self.conditions[row], view, colour, share, self._weight(row))

    def _weight(self, row: int) -> np.ndarray:
        weight = np.ones((self.size, self.size), f4)
        for part, grow, value in self.WEIGHTS:
            points = self.data.pixels[row][part, :2] * self.zoom
            low, high = points.min(0), points.max(0)
            margin = grow * (high[0] - low[0]) / 2
            (x0, y0), (x1, y1) = (low - margin).astype(int).clip(0), (high + margin).astype(int) + 1
            weight[y0:y1, x0:x1] = value
        return weight


def train_head(
    data: TrainingSet,
    rows: np.ndarray,
    basis: ConditionBasis,
    config: HeadTraining,
    mesh: Mesh | None = None,
    progress: Progress = silent,
    work: Path | None = None,
    threads: int = 1,
) -> Gaussians:
    """Splats of the head that ``rows`` of ``data`` show, beginning on ``mesh``.

    ``work``: a folder for checkpoints, to go on from.
    """
    splats = initial_head(data, rows, basis, config.layout, mesh)
    for name, stage in (("coarse", config.coarse), ("fine", config.fine)):
        sharpen = config.sharpen, config.sharpen_sigma
        samples = HeadSamples(data, rows, basis, config.noise, name == "fine", sharpen)
        hidden = splats.groups == Group.BACKING  # what shines through would train it to no picture's good
        trainer = SplatTrainer(splats, samples, stage, hidden, threads)
        checkpoint = work / f"head-{name}.npz" if work else None
        splats = trainer.run(progress, f"head, {name}", checkpoint)
    return labelled(splats, data, rows, basis)


def labelled(
    splats: Gaussians, data: TrainingSet, rows: np.ndarray, basis: ConditionBasis, frames: int = 3
) -> Gaussians:
    """The groups of mouth and eyes as training left them: by where splats are in ``frames`` with open mouths.

    Between the inner lips of any of them: interior. Around the mouth otherwise: with the upper or lower lip.
    Within the lids of the mean face, widened a little: eyes.
    """
    openness = mouth_openness(data.points[rows])
    wide = rows[np.argsort(openness)[-1 : -1 - 12 * frames : -12]]
    groups, mean = splats.groups.copy(), basis.mean
    corners = mean[MOUTH, :2].min(0) - 0.12, mean[MOUTH, :2].max(0) + 0.12
    x, y = splats.base[:2]
    mouth = (x > corners[0][0]) & (x < corners[1][0]) & (y > corners[0][1]) & (y < corners[1][1])
    mouth &= ~np.isin(groups, (Group.BACKING, Group.INTERIOR))
    upper_votes, interior = np.zeros(len(x)), np.zeros(len(x), bool)
    for row in wide:
        lips = data.points[row]
        x, y = splats.at(basis.encode(lips[None], data.gaze[row][None])[0])[:2]
        upper, lower = (np.interp(x, lips[list(i), 0], lips[list(i), 1]) for i in (INNER_UPPER, INNER_LOWER))
        upper_votes += np.where(y > (upper + lower) / 2, 1, -1)
        between = (x > lips[60, 0] + 0.012) & (x < lips[64, 0] - 0.012)
        interior |= between & (y < upper - 0.004) & (y > lower + 0.004)
    groups[mouth] = np.where(upper_votes > 0, Group.UPPER_LIP, Group.LOWER_LIP)[mouth]
    groups[mouth & interior] = Group.INTERIOR
    x, y = splats.base[:2]
    for eye in (slice(36, 42), slice(42, 48)):
        lids = mean[eye, :2].mean(0) + 1.15 * (mean[eye, :2] - mean[eye, :2].mean(0))
        groups[in_polygon(x, y, lids) & (groups == Group.SKIN)] = Group.EYES
    return replace(splats, groups=groups)
