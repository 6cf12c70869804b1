"""Landmark motion to pictures of an avatar: blinks, head motion, condition, warp, and then the renderer."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from PIL import Image

from emogene.audio.prosody import Prosody
from emogene.avatar.avatar import Avatar
from emogene.errors import EmoGeneError
from emogene.face.blink import blink_curve, close_eyes
from emogene.face.camera import Camera
from emogene.face.gesture import speaking_pose
from emogene.face.landmarks import Landmarks
from emogene.face.pose import HeadPose
from emogene.motion2video.grid import Backend
from emogene.motion2video.renderer import FrameState, Portrait, Renderer
from emogene.motion2video.warp import Warp
from emogene.reference.condition import pose_frames
from emogene.video.background import Background, read_background


class AvatarRenderer:
    """Pictures of ``size`` pixels each way. See :meth:`Avatar.renderer`."""

    def __init__(
        self,
        avatar: Avatar,
        size: int,
        background: Background,
        threads: int,
        pose: str | None = None,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        backend: Backend = "auto",
    ) -> None:
        self.avatar, self.size, self.threads, self.pose = avatar, size, threads, pose
        native = avatar.camera.height
        self.inner = field_renderer(
            *(avatar.portrait, native, avatar.background, size, background, dtype, device, backend)
        )
        inner = self.inner.size
        self.camera = Camera(avatar.camera.focal * inner / native, inner, inner)

    def frames(
        self, motion: Landmarks, seed: int = 0, loudness: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """One picture, uint8 ``[size, size, 3]``, per frame of ``motion`` (canonical landmarks).

        The head moves as in the avatar's video, sways and nods; the eyes blink. Both depend on ``seed`` and
        on the voice: its ``loudness [T]`` in dB of full scale (silence if None).
        """
        frames = len(motion)
        voice = Prosody.silent(frames) if loudness is None else Prosody.of(loudness, motion.fps)
        closure = blink_curve(frames, motion.fps, seed, phrase_ends=voice.phrase_ends)
        points = close_eyes(motion.points, closure)
        yield from self.posed(points, self._head(frames, voice, seed))

    def _head(self, frames: int, voice: Prosody, seed: int) -> HeadPose:
        track = self.avatar.pose
        if self.pose is None:
            return speaking_pose(track, voice.activity, voice.accents, seed)
        return track[pose_frames(self.pose, frames, len(track))]

    def posed(
        self, points: np.ndarray, pose: HeadPose, gaze: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """Pictures of exactly these ``points [T, 68, 3]``, poses and gaze ``[T, 2]``: no blinks added."""
        yield from scaled(self.inner.frames(self.states(points, pose, gaze), self.threads), self.size)

    def states(self, points: np.ndarray, pose: HeadPose, gaze: np.ndarray | None) -> Iterator[FrameState]:
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


def field_renderer(
    portrait: Portrait,
    native: int,
    own: np.ndarray,
    size: int,
    background: Background,
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    backend: Backend = "auto",
) -> Renderer:
    """What renders a portrait trained at ``native`` pixels for pictures of ``size``: never larger than
    trained, with super-resolution only where it is needed. ``own``: the background it has if none is given.
    """
    if size < 64:
        raise EmoGeneError(f"the picture must be at least 64 pixels, not {size}.")
    enlarge = size > native and portrait.superres is not None
    inner = native if enlarge else min(size, native)
    shown = portrait if enlarge else Portrait(portrait.head, portrait.torso)
    behind = torch.tensor(read_background(background, inner, own)) / 255
    return Renderer(shown, inner, behind.reshape(-1, 3), dtype, device=device, backend=backend)


def scaled(pictures: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Pictures of exactly ``size`` pixels each way."""
    for picture in pictures:
        if picture.shape[0] != size:
            image = Image.fromarray(picture)
            picture = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
        yield picture
