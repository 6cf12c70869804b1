"""From a training set to an avatar of splats."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emogene.avatar.avatar import Avatar, Provenance
from emogene.avatar.capture.dataset import TrainingSet
from emogene.avatar.condition import ConditionBasis
from emogene.avatar.fit import fit_head
from emogene.avatar.track import joined_pose, resting_face, spread_rows
from emogene.avatar.train.head import HeadTraining, train_head
from emogene.avatar.train.initial import Mesh
from emogene.avatar.train.torso import TorsoTraining, train_torso
from emogene.face.landmarks import MEDIAPIPE_68
from emogene.face.pose import HeadPose
from emogene.face.space import LandmarkSpace
from emogene.motion2video.binding import bind
from emogene.motion2video.rig import FaceMesh
from emogene.progress import Progress, silent

_SKIN = ("face", "head_neck", "eyeball_left", "eyeball_right")


@dataclass(frozen=True)
class AvatarTraining:
    head: HeadTraining = field(default_factory=HeadTraining)
    torso: TorsoTraining = field(default_factory=TorsoTraining)
    components: int = 24
    """Principal components of the landmarks in the condition."""
    database: int = 1000
    """Training frames whose landmarks go into the file."""


def train_avatar(
    data: TrainingSet,
    rows: np.ndarray,
    provenance: Provenance,
    background: np.ndarray,
    config: AvatarTraining | None = None,
    progress: Progress = silent,
    work: Path | None = None,
    threads: int = 1,
) -> tuple[Avatar, dict[str, float]]:
    """Train on ``rows`` of ``data``; returns the avatar and the CPU seconds that head and torso took.

    ``background``: uint8 ``[H, W, 3]``. ``work``: a folder for checkpoints; another call goes on from there.
    """
    config = config or AvatarTraining()
    basis = ConditionBasis.fit(data.points[rows], data.gaze[rows], config.components)
    start = time.process_time()
    points = data.points[rows]
    pose = HeadPose(data.rotation[rows], data.translation[rows])
    fitted = fit_head(data.pixels[rows], np.array(MEDIAPIPE_68), points, pose, data.camera, data.alpha[rows])
    model = fitted.model
    mesh = Mesh(fitted.neutral, model.triangles(*_SKIN), model.landmarks)
    head = train_head(data, rows, basis, config.head, mesh, progress, work, threads)
    between = time.process_time()
    torso, motion = train_torso(data, rows, config.torso, progress, work, threads)
    seconds = {"head": between - start, "torso": time.process_time() - between}
    neutral = resting_face(points)
    resting = head.at(basis.encode(neutral[None])[0])
    avatar = Avatar(
        provenance=provenance,
        space=LandmarkSpace(neutral, points[spread_rows(points, config.database)]),
        pose=joined_pose(data.rotation[rows], data.translation[rows], data.clip[rows], int(data.stride)),
        camera=data.camera,
        basis=basis,
        head=head,
        torso=torso,
        torso_motion=motion,
        mesh=FaceMesh(fitted.neutral, fitted.linear),
        binding=bind(resting, head.groups, fitted.neutral, model),
        background=background,
    )
    return avatar, {name: round(value, 1) for name, value in seconds.items()}
