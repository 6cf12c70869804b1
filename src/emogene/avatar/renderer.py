"""Performances to pictures of one of our avatars."""

from collections.abc import Iterable, Iterator

import numpy as np

from emogene.avatar.condition import ConditionBasis
from emogene.avatar.torso_motion import TorsoMotion
from emogene.motion2video.portrait import Moment, Portrait
from emogene.motion2video.rig import FaceRig
from emogene.performance import Performance, in_blocks

BLOCK = 100  # frames whose conditions are in memory together


class AvatarRenderer:
    """Shows landmarks, the emotion's blendshapes, gaze and head pose; the arguments are those of
    :class:`Avatar`. Frames do not depend on each other or on ``threads``."""

    def __init__(
        self,
        portrait: Portrait,
        rig: FaceRig,
        basis: ConditionBasis,
        torso_motion: TorsoMotion,
        threads: int,
    ) -> None:
        self.portrait, self.rig, self.basis, self.torso_motion = portrait, rig, basis, torso_motion
        self.threads = threads

    def frames(self, performances: Iterable[Performance]) -> Iterator[np.ndarray]:
        """One picture, uint8 ``[size, size, 3]`` sRGB, per frame of stretches that follow each other. They
        are drawn as they are asked for; nothing is added to what a performance says."""
        return self.portrait.pictures(self.moments(performances), self.threads)

    def moments(self, performances: Iterable[Performance]) -> Iterator[Moment]:
        """What the portrait draws for them, frame by frame."""
        for part in in_blocks(performances, BLOCK):
            gaze = self.basis.gaze_at(part.gaze.values)
            points, emotion = part.landmarks.points, part.emotion_shapes.values
            conditions, poses = self.rig.poses(points, emotion, gaze)
            torsos = self.torso_motion.condition(part.head.rotation, part.head.translation)
            for t, pose in enumerate(poses):
                yield Moment(
                    head=conditions[t],
                    torso=torsos[t],
                    rotation=part.head.rotation[t],
                    translation=part.head.translation[t],
                    rig=self.rig.mover(pose),
                )
