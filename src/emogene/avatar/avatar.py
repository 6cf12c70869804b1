"""An avatar and its file: safetensors, with everything that is not a tensor as JSON in the header."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from emogene.avatar.condition import ConditionBasis
from emogene.avatar.frame import FieldFrame
from emogene.avatar.networks import from_json, networks_header, networks_tensors, read_networks
from emogene.avatar.pose_scale import PoseScale
from emogene.device import choose_device, choose_dtype
from emogene.errors import EmoGeneError
from emogene.face.camera import Camera
from emogene.face.landmarks import N_POINTS
from emogene.face.pose import HeadPose
from emogene.face.space import LandmarkSpace
from emogene.motion2video.renderer import Portrait
from emogene.output import replacing
from emogene.video.background import Background
from emogene.weights.embedded import assets
from emogene.weights.official import home

if TYPE_CHECKING:
    from emogene.avatar.renderer import AvatarRenderer
    from emogene.reference.avatar import OfficialAvatar

FORMAT = 1
SUFFIX = ".safetensors"
DEFAULT = "grid-s1"


@dataclass(frozen=True)
class Provenance:
    """Whose face this is and on what terms."""

    name: str
    consent: str
    """How the person agreed to being shown."""
    source: str
    licence: str
    attribution: str


@dataclass(frozen=True)
class Avatar:
    """One person, ready to be rendered. Landmarks and poses in decimetres, canonical space and head frame."""

    provenance: Provenance
    space: LandmarkSpace
    pose: HeadPose
    """A continuous stretch of head motion, played to and fro."""
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

    @classmethod
    def open(cls, name_or_path: str | Path) -> "AnyAvatar":
        """An avatar by name, or an avatar file. Raises EmoGeneError for anything else.

        An :class:`~emogene.reference.avatar.OfficialAvatar` where the file came of official checkpoints.
        """
        path = _find(name_or_path)
        try:
            with safe_open(path, "pt") as file:
                header = json.loads((file.metadata() or {})["emogene"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise EmoGeneError(
                f"{path} is not an avatar file; train one, or see `emogene avatars`."
            ) from error
        if header.get("format") != FORMAT:
            raise EmoGeneError(
                f"{path} has avatar format {header.get('format')}; this EmoGene reads {FORMAT}."
            )
        try:
            if header.get("kind") == "official":
                from emogene.reference.avatar import OfficialAvatar

                return OfficialAvatar.unpack(header, tensors)
            return _unpack(header, tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise EmoGeneError(f"the avatar file {path} is damaged or incomplete; get it again.") from error

    def save(self, path: str | Path) -> None:
        """Write one file, or nothing: it appears under its name when it is complete."""
        with replacing(path) as part:
            save_file(_tensors(self), part, {"emogene": json.dumps(_header(self))})
            part.chmod(0o644)

    def renderer(
        self,
        size: int = 512,
        background: Background = None,
        device: str = "auto",
        threads: int | None = None,
        pose: str | None = None,
        precision: str | None = None,
    ) -> "AvatarRenderer":
        """Pictures of ``size`` pixels each way.

        ``background``: a colour ("white", "#8090a0"), an image file or uint8 ``[H, W, 3]``; the avatar's own
        if None. ``device``: auto (CUDA where there is one), cpu or cuda. ``threads``: all cores if None.
        ``pose``: "static", "nearest" or "FIRST-LAST" of the avatar's own frames; to and fro, with soft turns,
        if None. ``precision``: fp32 or bf16; what the processor is best at if None.
        """
        from emogene.avatar.renderer import AvatarRenderer

        threads, device, dtype = (
            threads or os.cpu_count() or 1,
            choose_device(device),
            choose_dtype(precision),
        )
        return AvatarRenderer(self, size, background, threads, pose, device, dtype)


AnyAvatar = Union[Avatar, "OfficialAvatar"]


def folder() -> Path:
    """Where the user's own avatars are: ``$EMOGENE_HOME/avatars``."""
    return home() / "avatars"


def avatars() -> list[str]:
    """Names of the embedded avatars and of those in the user's folder."""
    return sorted(_named())


def _named() -> dict[str, Path]:
    """By name; an embedded avatar goes before a user's of the same name."""
    return {
        path.name.removesuffix(SUFFIX): path
        for place in (folder(), assets() / "avatars")
        for path in sorted(place.glob(f"*{SUFFIX}"))
    }


def _find(name_or_path: str | Path) -> Path:
    name = DEFAULT if name_or_path == "default" else str(name_or_path)
    if name in (known := _named()):
        return known[name]
    path = Path(name_or_path)
    if path.is_file():
        return path
    raise EmoGeneError(f"no avatar {name!r}: neither a known one ({', '.join(avatars())}) nor a file.")


def _header(avatar: Avatar) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "provenance": asdict(avatar.provenance),
        "camera": asdict(avatar.camera),
        "frame": asdict(avatar.frame),
        "fps": str(avatar.pose.fps),
        "training": avatar.training,
        **networks_header(avatar.portrait),
    }


def _tensors(avatar: Avatar) -> dict[str, torch.Tensor]:
    """Large tables and the database in half precision, the rest as it is."""
    arrays = {
        "landmarks.neutral": avatar.space.neutral.astype(np.float32),
        "landmarks.database": avatar.space.database.astype(np.float16),
        "pose.rotation": avatar.pose.rotation,
        "pose.translation": avatar.pose.translation,
        "background": avatar.background,
        "warp.gain": avatar.warp_gain,
        **{
            f"condition.{f.name}": getattr(avatar.basis, f.name).astype(np.float32)
            for f in fields(avatar.basis)
        },
        **{f"scale.{f.name}": getattr(avatar.pose_scale, f.name) for f in fields(avatar.pose_scale)},
    }
    tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
    return tensors | networks_tensors(avatar.portrait, half=True)


def _unpack(header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Avatar:
    def array(key: str) -> np.ndarray:
        value = tensors[key]
        return (value.float() if value.dtype == torch.float16 else value).numpy()

    return Avatar(
        provenance=Provenance(**header["provenance"]),
        space=LandmarkSpace(array("landmarks.neutral"), array("landmarks.database")),
        pose=HeadPose(array("pose.rotation"), array("pose.translation"), Fraction(header["fps"])),
        camera=Camera(**header["camera"]),
        frame=FieldFrame(**from_json(header["frame"])),
        basis=ConditionBasis(*(array(f"condition.{f.name}") for f in fields(ConditionBasis))),
        pose_scale=PoseScale(*(array(f"scale.{f.name}") for f in fields(PoseScale))),
        portrait=read_networks(header, tensors),
        background=array("background"),
        warp_gain=array("warp.gain"),
        training=dict(header["training"]),
    )
