"""An avatar made of splats, and its file: safetensors, with everything that is not a tensor as JSON."""

from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emogene.avatar.condition import ConditionBasis
from emogene.avatar.file import AnyAvatar, Provenance, open_avatar, write_avatar
from emogene.avatar.pose_scale import PoseScale
from emogene.avatar.renderer import AvatarRenderer
from emogene.avatar.splat_file import read_splats, splat_tensors
from emogene.avatar.torso_motion import TorsoMotion
from emogene.device import choose_threads
from emogene.errors import EmoGeneError
from emogene.face.camera import Camera
from emogene.face.pose import HeadPose
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.motion2video.binding import Binding
from emogene.motion2video.portrait import Moment, Portrait
from emogene.motion2video.rig import FaceMesh, FaceRig
from emogene.motion2video.splats.gaussians import Gaussians
from emogene.video.background import Background, read_background

KIND = "splats"
SMALLEST = 64  # pixels


@dataclass(frozen=True)
class Avatar:
    """One person, ready to be drawn. Landmarks and poses in decimetres, canonical space and head frame."""

    provenance: Provenance
    space: LandmarkSpace
    pose: HeadPose
    """A continuous stretch of head motion, played to and fro."""
    camera: Camera
    """Of the training pictures; any other size is drawn by :meth:`portrait`."""
    basis: ConditionBasis
    head: Gaussians
    """In the head frame; its condition is ``basis.encode`` of landmarks and gaze."""
    torso: Gaussians
    """In the camera frame; its condition is ``torso_motion.condition`` of the head's pose."""
    torso_motion: TorsoMotion
    mesh: FaceMesh
    """The head model as this person."""
    binding: Binding
    """How the head's splats ride on it."""
    background: np.ndarray
    """uint8 ``[H, W, 3]`` of any size."""
    training: dict[str, Any] = field(default_factory=dict)
    """How it was made: configuration, clips, held-out clips."""

    def portrait(self, size: int, background: np.ndarray) -> Portrait:
        """For pictures of ``size`` pixels each way over ``background``, uint8 ``[size, size, 3]``."""
        camera = Camera(self.camera.focal * size / self.camera.height, size, size)
        return Portrait(self.head, self.torso, camera, background)

    def moments(self, points: np.ndarray, pose: HeadPose, gaze: np.ndarray | None = None) -> list[Moment]:
        """Of landmarks ``[T, 68, 3]``, poses and gaze ``[T, 2]`` (the mean if None)."""
        heads = self.basis.encode(points, gaze)
        torsos = self.torso_motion.condition(pose.rotation, pose.translation)
        return [Moment(*parts) for parts in zip(heads, torsos, pose.rotation, pose.translation, strict=True)]

    @property
    def rig(self) -> Rig:
        """What ARKit shapes do to this person's 68 points."""
        return Rig.of_person(self.mesh.linear)

    def face_rig(self) -> FaceRig:
        """What moves the head's splats beyond what the video showed."""
        return FaceRig(self.head, self.basis, self.space.neutral, self.mesh, self.binding)

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
    ) -> AvatarRenderer:
        """Pictures of ``size`` pixels each way; ``background``: a colour, an image file or a picture, the
        avatar's own if None. Splats are drawn on the CPU in float32, by ``threads`` threads (by default as
        many as this process may use), whatever ``device`` and ``precision`` say."""
        del device, precision
        if size < SMALLEST:
            raise EmoGeneError(f"the picture must be at least {SMALLEST} pixels, not {size}.")
        return AvatarRenderer(
            portrait=self.portrait(size, read_background(background, size, self.background)),
            rig=self.face_rig(),
            basis=self.basis,
            torso_motion=self.torso_motion,
            threads=choose_threads(threads),
        )

    def save(self, path: str | Path) -> None:
        """Write one file, or nothing: it appears under its name when it is complete."""
        header = {
            "provenance": asdict(self.provenance),
            "camera": asdict(self.camera),
            "fps": str(self.pose.fps),
            "training": self.training,
        }
        write_avatar(path, KIND, header, self._tensors())

    def _tensors(self) -> dict[str, torch.Tensor]:
        """The database in half precision, splats as :mod:`.splat_file` says, the rest as it is."""
        scale = self.torso_motion.scale
        arrays = {
            "landmarks.neutral": self.space.neutral.astype(np.float32),
            "landmarks.database": self.space.database.astype(np.float16),
            "pose.rotation": self.pose.rotation,
            "pose.translation": self.pose.translation,
            "background": self.background,
            **{f"condition.{f.name}": np.asarray(getattr(self.basis, f.name)) for f in fields(self.basis)},
            **{f"torso_scale.{f.name}": getattr(scale, f.name) for f in fields(scale)},
            "torso.follow": self.torso_motion.follow,
            "mesh.neutral": self.mesh.neutral.astype(np.float16),
            "mesh.linear": self.mesh.linear.astype(np.float32),
            **{f"binding.{name}": value for name, value in self.binding.tensors().items()},
        }
        tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
        return tensors | splat_tensors("head", self.head) | splat_tensors("torso", self.torso)

    @classmethod
    def unpack(cls, header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> "Avatar":
        """What :meth:`save` wrote; KeyError, TypeError, ValueError or RuntimeError where it is not."""

        def array(key: str) -> np.ndarray:
            value = tensors[key]
            return (value.float() if value.dtype == torch.float16 else value).numpy()

        scale = PoseScale(*(array(f"torso_scale.{f.name}") for f in fields(PoseScale)))
        return cls(
            provenance=Provenance(**header["provenance"]),
            space=LandmarkSpace(array("landmarks.neutral"), array("landmarks.database")),
            pose=HeadPose(array("pose.rotation"), array("pose.translation"), Fraction(header["fps"])),
            camera=Camera(**header["camera"]),
            basis=ConditionBasis(*(array(f"condition.{f.name}") for f in fields(ConditionBasis))),
            head=read_splats("head", tensors),
            torso=read_splats("torso", tensors),
            torso_motion=TorsoMotion(scale, array("torso.follow")),
            mesh=FaceMesh(array("mesh.neutral"), array("mesh.linear")),
            binding=Binding.of_tensors(
                {f.name: tensors[f"binding.{f.name}"].numpy() for f in fields(Binding)}
            ),
            background=array("background"),
            training=dict(header["training"]),
        )
