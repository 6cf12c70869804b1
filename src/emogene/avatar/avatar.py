"""Our own avatar: a radiance field of one person, the poses and landmarks of the video, and its file."""

from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emogene.avatar.condition import ConditionBasis
from emogene.avatar.file import AnyAvatar, Provenance, open_avatar, write_avatar
from emogene.avatar.frame import FieldFrame
from emogene.avatar.networks import networks_header, networks_tensors, read_networks
from emogene.avatar.pose_scale import PoseScale
from emogene.avatar.renderer import AvatarRenderer
from emogene.device import choose_dtype
from emogene.face.camera import Camera
from emogene.face.landmarks import N_POINTS
from emogene.face.pose import HeadPose
from emogene.face.space import LandmarkSpace
from emogene.motion2video.backend import Backend
from emogene.motion2video.performance_renderer import RenderConfig
from emogene.motion2video.renderer import Portrait
from emogene.video.background import Background
from emogene.weights.file import from_json

KIND = "field"


@dataclass(frozen=True)
class Avatar:
    """One person, ready to be rendered. Landmarks and poses in decimetres, canonical space and head frame."""

    provenance: Provenance
    space: LandmarkSpace
    pose: HeadPose
    """A continuous stretch of head motion, to be played to and fro."""
    camera: Camera
    """Of the fields' image, ``camera.height`` rows; super-resolution doubles it."""
    frame: FieldFrame
    basis: ConditionBasis
    pose_scale: PoseScale
    portrait: Portrait
    background: np.ndarray
    """uint8 ``[H, W, 3]`` of any size, scaled to the picture."""
    warp_gain: np.ndarray = field(default_factory=lambda: np.ones((N_POINTS, 1), np.float32))
    """Displacement to ask the warp for per displacement wanted, ``[68, 1]``: see :mod:`.train.calibrate`."""
    training: dict[str, Any] = field(default_factory=dict)
    """How it was made: configuration, clips, held-out clips."""

    @property
    def name(self) -> str:
        return self.provenance.name

    @staticmethod
    def open(name_or_path: str | Path) -> AnyAvatar:
        """An avatar of any kind by name, or an avatar file. Raises EmoGeneError for anything else."""
        return open_avatar(name_or_path)

    def blink(self, frames: int, start: int = 0) -> np.ndarray | None:
        """None: blinks are free, and in the landmarks."""
        del frames, start
        return None

    def renderer(
        self,
        size: int = 512,
        background: Background = None,
        device: str = "auto",
        threads: int | None = None,
        precision: str | None = None,
        backend: Backend = "auto",
    ) -> AvatarRenderer:
        """Pictures of ``size`` pixels each way: see :class:`RenderConfig`. ``precision``: fp32 or bf16; what
        the processor is best at if None."""
        return AvatarRenderer(
            portrait=self.portrait,
            camera=self.camera,
            frame=self.frame,
            basis=self.basis,
            pose_scale=self.pose_scale,
            warp_gain=self.warp_gain,
            background=self.background,
            config=RenderConfig(size, background, device, threads, choose_dtype(precision), backend),
        )

    def save(self, path: str | Path) -> None:
        """Write one file, or nothing: it appears under its name when it is complete."""
        write_avatar(path, KIND, self._header(), self._tensors())

    def _header(self) -> dict[str, Any]:
        return {
            "provenance": asdict(self.provenance),
            "camera": asdict(self.camera),
            "frame": asdict(self.frame),
            "fps": str(self.pose.fps),
            "training": self.training,
            **networks_header(self.portrait),
        }

    def _tensors(self) -> dict[str, Tensor]:
        """Large tables and the database in half precision, the rest as it is."""
        arrays = {
            "landmarks.neutral": self.space.neutral.astype(np.float32),
            "landmarks.database": self.space.database.astype(np.float16),
            "pose.rotation": self.pose.rotation,
            "pose.translation": self.pose.translation,
            "background": self.background,
            "warp.gain": self.warp_gain,
            **_named_arrays("condition", self.basis),
            **_named_arrays("scale", self.pose_scale),
        }
        tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
        return tensors | networks_tensors(self.portrait, half=True)

    @classmethod
    def unpack(cls, header: dict[str, Any], tensors: dict[str, Tensor]) -> "Avatar":
        """What :meth:`save` wrote; KeyError, TypeError, ValueError or RuntimeError where it is not."""

        def array(key: str) -> np.ndarray:
            value = tensors[key]
            return (value.float() if value.dtype == torch.float16 else value).numpy()

        return cls(
            provenance=Provenance(**header["provenance"]),
            space=LandmarkSpace(array("landmarks.neutral"), array("landmarks.database")),
            pose=HeadPose(array("pose.rotation"), array("pose.translation"), Fraction(header["fps"])),
            camera=from_json(Camera, header["camera"]),
            frame=from_json(FieldFrame, header["frame"]),
            basis=ConditionBasis(**{f.name: array(f"condition.{f.name}") for f in fields(ConditionBasis)}),
            pose_scale=PoseScale(**{f.name: array(f"scale.{f.name}") for f in fields(PoseScale)}),
            portrait=read_networks(header, tensors),
            background=array("background"),
            warp_gain=array("warp.gain"),
            training=dict(header["training"]),
        )


def _named_arrays(part: str, values: ConditionBasis | PoseScale) -> dict[str, np.ndarray]:
    return {f"{part}.{f.name}": getattr(values, f.name) for f in fields(values)}
