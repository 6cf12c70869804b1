"""An avatar and its file: safetensors, with everything that is not a tensor as JSON in the header."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from emogene.avatar.condition import ConditionBasis
from emogene.avatar.frame import FieldFrame
from emogene.avatar.pose_scale import PoseScale
from emogene.errors import EmoGeneError
from emogene.face.camera import Camera
from emogene.face.landmarks import N_POINTS
from emogene.face.pose import HeadPose
from emogene.face.space import LandmarkSpace
from emogene.motion2video.field import HeadConfig, HeadField
from emogene.motion2video.grid import GridConfig
from emogene.motion2video.renderer import Portrait
from emogene.motion2video.superres import SuperResolution, SuperResolutionConfig
from emogene.motion2video.torso import TorsoConfig, TorsoField
from emogene.output import replacing

if TYPE_CHECKING:
    from emogene.avatar.renderer import AvatarRenderer

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
    def open(cls, name_or_path: str | Path) -> "Avatar":
        """An embedded avatar by name, or an avatar file. Raises EmoGeneError for anything else."""
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
        background: str | Path | np.ndarray | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> "AvatarRenderer":
        """Pictures of ``size`` pixels each way.

        ``background``: a colour ("white", "#8090a0"), an image file or uint8 ``[H, W, 3]``; the avatar's own
        if None. ``device``: it is always the CPU that renders. ``threads``: all cores if None.
        """
        from emogene.avatar.renderer import AvatarRenderer

        del device  # one CPU implementation so far; the argument belongs to the contract of all stages
        return AvatarRenderer(self, size, background, threads or os.cpu_count() or 1)


def avatars() -> list[str]:
    """Names of the embedded avatars."""
    folder = files("emogene") / "assets" / "avatars"
    if not folder.is_dir():
        return []
    return sorted(f.name.removesuffix(SUFFIX) for f in folder.iterdir() if f.name.endswith(SUFFIX))


def _find(name_or_path: str | Path) -> Path:
    name = DEFAULT if name_or_path == "default" else str(name_or_path)
    if name in avatars():
        return Path(str(files("emogene") / "assets" / "avatars" / f"{name}{SUFFIX}"))
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = ", ".join(avatars()) or "none"
    raise EmoGeneError(f"no avatar {name!r}: neither an embedded one ({known}) nor a file.")


def _header(avatar: Avatar) -> dict[str, Any]:
    portrait = avatar.portrait
    return {
        "format": FORMAT,
        "provenance": asdict(avatar.provenance),
        "camera": asdict(avatar.camera),
        "frame": asdict(avatar.frame),
        "fps": str(avatar.pose.fps),
        "training": avatar.training,
        "head": asdict(portrait.head.config),
        "torso": portrait.torso and asdict(portrait.torso.config),
        "superres": portrait.superres and asdict(portrait.superres.config),
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
    for part in ("head", "torso", "superres"):
        module = getattr(avatar.portrait, part)
        for key, value in ({} if module is None else module.state_dict()).items():
            half = value.dtype == torch.float32 and value.numel() > 2**14
            tensors[f"{part}.{key}"] = value.half() if half else value.contiguous()
    return tensors


def _unpack(header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Avatar:
    def array(key: str) -> np.ndarray:
        value = tensors[key]
        return (value.float() if value.dtype == torch.float16 else value).numpy()

    def module(part: str, make):
        if not header[part]:
            return None
        built = make(header[part])
        prefix = f"{part}."
        built.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        return built.eval()

    head = module("head", lambda h: HeadField(HeadConfig(**_grids(h))))
    assert head is not None
    return Avatar(
        provenance=Provenance(**header["provenance"]),
        space=LandmarkSpace(array("landmarks.neutral"), array("landmarks.database")),
        pose=HeadPose(array("pose.rotation"), array("pose.translation"), Fraction(header["fps"])),
        camera=Camera(**header["camera"]),
        frame=FieldFrame(**_grids(header["frame"])),
        basis=ConditionBasis(*(array(f"condition.{f.name}") for f in fields(ConditionBasis))),
        pose_scale=PoseScale(*(array(f"scale.{f.name}") for f in fields(PoseScale))),
        portrait=Portrait(
            head,
            module("torso", lambda h: TorsoField(TorsoConfig(**_grids(h)))),
            module("superres", lambda h: SuperResolution(SuperResolutionConfig(**_grids(h)))),
        ),
        background=array("background"),
        warp_gain=array("warp.gain"),
        training=dict(header["training"]),
    )


def _grids(values: dict[str, Any]) -> dict[str, Any]:
    """Hyper-parameters from JSON: grids are dataclasses again, lists tuples."""
    result = dict(values)
    for key, value in values.items():
        if isinstance(value, dict):
            result[key] = GridConfig(**value)
        elif isinstance(value, list):
            result[key] = tuple(value)
    return result
