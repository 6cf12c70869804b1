"""Landmark motion to pictures of an avatar: blinks, head motion, condition, warp, and then the renderer."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from emogene.avatar.avatar import Avatar
from emogene.errors import EmoGeneError
from emogene.face.blink import blink_curve, close_eyes
from emogene.face.camera import Camera
from emogene.face.motion import LandmarkMotion
from emogene.face.pose import HeadPose
from emogene.motion2video.renderer import FrameState, Portrait, Renderer
from emogene.motion2video.warp import Warp
from emogene.video.background import read_background


class AvatarRenderer:
    """Pictures of ``size`` pixels each way. See :meth:`Avatar.renderer`."""

    def __init__(
        self, avatar: Avatar, size: int, background: str | Path | np.ndarray | None, threads: int
    ) -> None:
        if size < 64:
            raise EmoGeneError(f"the picture must be at least 64 pixels, not {size}.")
        self.avatar, self.size, self.threads = avatar, size, threads
        native = avatar.camera.height
        enlarge = size > native and avatar.portrait.superres is not None
        inner = native if enlarge else min(size, native)
        self.camera = Camera(avatar.camera.focal * inner / native, inner, inner)
        portrait = avatar.portrait if enlarge else Portrait(avatar.portrait.head, avatar.portrait.torso)
        behind = torch.tensor(_background(background, avatar.background, inner)) / 255
        self.inner = Renderer(portrait, inner, behind.reshape(-1, 3))

    def frames(self, motion: LandmarkMotion, seed: int = 0) -> Iterator[np.ndarray]:
        """One picture, uint8 ``[size, size, 3]``, per frame of ``motion`` (canonical landmarks).

        The head moves as in the avatar's video, played to and fro; blinks depend on ``seed``.
        """
        closure = blink_curve(len(motion), motion.fps, seed)
        points = close_eyes(motion.points, closure)
        pose = self.avatar.pose.loop(len(motion))
        yield from self.posed(points, pose)

    def posed(
        self, points: np.ndarray, pose: HeadPose, gaze: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """Pictures of exactly these ``points [T, 68, 3]``, poses and gaze ``[T, 2]``: no blinks added."""
        for picture in self.inner.frames(self._states(points, pose, gaze), self.threads):
            if picture.shape[0] == self.size:
                yield picture
            else:
                scaled = Image.fromarray(picture).resize((self.size, self.size), Image.Resampling.LANCZOS)
                yield np.asarray(scaled)

    def _states(self, points: np.ndarray, pose: HeadPose, gaze: np.ndarray | None) -> Iterator[FrameState]:
        avatar, frame = self.avatar, self.avatar.frame
        conditions, residuals = avatar.basis.split(points, gaze)
        torso = avatar.pose_scale(pose.rotation, pose.translation)
        for t in range(len(points)):
            rays = frame.image_rays(self.camera, pose.rotation[t], pose.translation[t])
            shown = torch.from_numpy(points[t] - residuals[t])
            wanted = torch.from_numpy(residuals[t] * avatar.warp_gain)
            yield FrameState(
                rays,
                torch.from_numpy(conditions[t : t + 1]),
                torch.from_numpy(torso[t : t + 1]),
                Warp.fit(shown, wanted, frame.centre, frame.radius),
            )


def _background(choice: str | Path | np.ndarray | None, own: np.ndarray, size: int) -> np.ndarray:
    """uint8 ``[size, size, 3]`` of a colour, an image file or array, or the avatar's own."""
    if isinstance(choice, str | Path):
        return read_background(choice, size)
    image = Image.fromarray(own if choice is None else choice)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
