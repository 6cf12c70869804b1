"""Performances to pictures of one of our avatars: the condition within the field's reach, the warp beyond."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from emogene.avatar.condition import ConditionBasis
from emogene.avatar.frame import FieldFrame
from emogene.avatar.pose_scale import PoseScale
from emogene.face.camera import Camera
from emogene.face.pose import HeadPose
from emogene.motion2video.performance_renderer import PerformanceRenderer, RenderConfig, in_blocks
from emogene.motion2video.renderer import FrameState, Portrait
from emogene.motion2video.warp import Warp
from emogene.performance import Performance

BLOCK = 250  # frames whose conditions are in memory together


class AvatarRenderer(PerformanceRenderer):
    """Shows landmarks, head pose and gaze; the arguments are those of :class:`Avatar`."""

    def __init__(
        self,
        portrait: Portrait,
        camera: Camera,
        frame: FieldFrame,
        basis: ConditionBasis,
        pose_scale: PoseScale,
        warp_gain: np.ndarray,
        background: np.ndarray,
        config: RenderConfig,
    ) -> None:
        super().__init__(portrait, camera.height, background, config)
        self.frame, self.basis, self.pose_scale, self.warp_gain = frame, basis, pose_scale, warp_gain
        size = self.fields.size
        self.camera = Camera(camera.focal * size / camera.height, size, size)

    def states(self, performances: Iterable[Performance]) -> Iterator[FrameState]:
        for part in in_blocks(performances, BLOCK):
            gaze = self.basis.gaze_at(part.gaze.values)
            yield from self.posed_states(part.landmarks.points, part.head, gaze)

    def posed(
        self, points: np.ndarray, pose: HeadPose, gaze: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """Pictures of ``points [T, 68, 3]``, T poses, and ``gaze [T, 2]`` as :func:`.capture.tracks.gaze`
        measures it (the mean if None)."""
        return self.pictures(self.posed_states(points, pose, gaze))

    def posed_states(
        self, points: np.ndarray, pose: HeadPose, gaze: np.ndarray | None = None
    ) -> Iterator[FrameState]:
        """What the networks are given for these: see :meth:`posed`."""
        conditions, residuals = self.basis.split(points, gaze)
        torso = self.pose_scale(pose.rotation, pose.translation)
        for t in range(len(points)):
            yield FrameState(
                rays=self.frame.image_rays(self.camera, pose.rotation[t], pose.translation[t]),
                condition=torch.from_numpy(conditions[t : t + 1]),
                torso_condition=torch.from_numpy(torso[t : t + 1]),
                warp=Warp.fit(
                    landmarks=torch.from_numpy(points[t] - residuals[t]),
                    displacement=torch.from_numpy(residuals[t] * self.warp_gain),
                    centre=self.frame.centre,
                    radius=self.frame.radius,
                ),
            )
