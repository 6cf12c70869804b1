"""From a training set to an avatar: head, torso, super-resolution, and what the file says about the face."""

import time
from dataclasses import dataclass, field

import numpy as np

from emogene.avatar.avatar import Avatar
from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.condition import ConditionBasis
from emogene.avatar.file import Provenance
from emogene.avatar.frame import FieldFrame
from emogene.avatar.pose_scale import PoseScale
from emogene.avatar.track import joined_pose, resting_face, spread_rows
from emogene.avatar.train.head import HeadTrainer, HeadTraining, render_layers
from emogene.avatar.train.superres import SuperResolutionTrainer, SuperResolutionTraining
from emogene.avatar.train.torso import TorsoTrainer, TorsoTraining, render_torso
from emogene.face.space import LandmarkSpace
from emogene.motion2video.field import HeadField
from emogene.motion2video.renderer import Portrait
from emogene.motion2video.torso import TorsoField
from emogene.progress import Progress, over, silent


@dataclass(frozen=True)
class AvatarTraining:
    head: HeadTraining = field(default_factory=HeadTraining)
    torso: TorsoTraining = field(default_factory=TorsoTraining)
    superres: SuperResolutionTraining = field(default_factory=SuperResolutionTraining)
    components: int = 24
    """Principal components of the landmarks in the condition."""
    database: int = 1200
    """Training frames whose landmarks go into the file."""


def train_avatar(
    data: TrainingSet,
    rows: np.ndarray,
    provenance: Provenance,
    background: np.ndarray,
    config: AvatarTraining | None = None,
    progress: Progress = silent,
) -> tuple[Avatar, dict[str, float]]:
    """Train on ``rows`` of ``data``; returns the avatar and the seconds that each stage took."""
    config, frame, watch = config or AvatarTraining(), FieldFrame(), _Watch()
    basis = ConditionBasis.fit(data.points[rows], data.gaze[rows], config.components)
    trainer = HeadTrainer(data, rows, frame, basis, config.head)
    head = trainer.run(progress)
    watch("head")
    portrait, scale = _finish_portrait(data, rows, frame, basis, head, config, progress, watch)
    points = data.points[rows]
    avatar = Avatar(
        provenance=provenance,
        space=LandmarkSpace(resting_face(points), points[spread_rows(points, config.database)]),
        pose=joined_pose(data.rotation[rows], data.translation[rows], data.clip[rows], int(data.stride)),
        camera=data.camera,
        frame=frame,
        basis=basis,
        pose_scale=scale,
        portrait=portrait,
        background=background,
    )
    return avatar, watch.seconds


def _finish_portrait(
    data: TrainingSet,
    rows: np.ndarray,
    frame: FieldFrame,
    basis: ConditionBasis,
    head: HeadField,
    config: AvatarTraining,
    progress: Progress,
    watch: "_Watch",
) -> tuple[Portrait, PoseScale]:
    """Train torso and super-resolution on what the finished head renders."""
    fine = np.flatnonzero(np.isin(data.fine_index, rows))
    kept = data.fine_index[fine]
    layers = render_layers(
        field=head, data=data, frame=frame, basis=basis, rows=over(kept, "head layers", progress)
    )
    heads = np.stack(list(layers))
    watch("head layers")
    scale = PoseScale.fit(data.rotation[rows], data.translation[rows])
    pose = scale(data.rotation[kept], data.translation[kept])
    trainer = TorsoTrainer(data, kept, heads, pose, config.torso)
    trainer.run(progress)
    torsos = [trainer.of_clip(c) for c in range(len(trainer.clips))]
    watch("torso")
    seen = zip(heads, trainer.clip.tolist(), pose, strict=True)
    pictures = np.stack([_over(layer, torsos[clip], p) for layer, clip, p in seen])
    torso = torsos[trainer.usual]
    enlarger = SuperResolutionTrainer(
        pictures, data.fine_colour[fine], data.fine_alpha[fine], config.superres
    )
    superres = enlarger.run(progress)
    watch("super-resolution")
    return Portrait(head, torso, superres.eval()), scale


def _over(head: np.ndarray, torso: TorsoField, pose: np.ndarray) -> np.ndarray:
    """Head over torso, premultiplied RGBA ``[S, S, 4]`` float16."""
    front = head.astype(np.float32)
    behind = render_torso(torso, pose, len(head))
    behind[..., :3] *= behind[..., 3:]
    return (front + (1 - front[..., 3:]) * behind).astype(np.float16)


class _Watch:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage], self.last = round(now - self.last, 1), now
