"""Avatar files: what all kinds have in common, and which class reads which kind.

A file is safetensors, with everything that is not a tensor as JSON in the header.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors.torch import save_file
from torch import Tensor

from emogene.errors import EmoGeneError
from emogene.face.pose import HeadPose
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.output import replacing
from emogene.performance import Performance
from emogene.video.background import Background
from emogene.weights.avatars import avatar_file
from emogene.weights.file import damage_in_one_line, read_tensors

KINDS = {
    "splats": "emogene.avatar.avatar:Avatar",
    "official": "emogene.reference.avatar:OfficialAvatar",
}
"""The class that reads each kind of file, imported when one is met: ``unpack(header, tensors)`` makes it."""

FORMAT = 2
WHAT = "an avatar file"


@dataclass(frozen=True)
class Provenance:
    """Whose face this is and on what terms."""

    name: str
    consent: str
    """How the person agreed to being shown."""
    source: str
    licence: str
    attribution: str


class PerformanceRenderer(Protocol):
    """Draws performances of one avatar."""

    def frames(self, performances: Iterable[Performance]) -> Iterator[np.ndarray]:
        """One picture, uint8 ``[size, size, 3]`` sRGB, per frame of stretches that follow each other."""
        ...


class AnyAvatar(Protocol):
    """One person, of whatever kind: what the pipeline asks of an avatar."""

    @property
    def provenance(self) -> Provenance: ...
    @property
    def name(self) -> str: ...
    @property
    def space(self) -> LandmarkSpace:
        """The landmarks that its video showed."""
        ...

    @property
    def rig(self) -> Rig:
        """What ARKit shapes do to its 68 points."""
        ...

    @property
    def pose(self) -> HeadPose:
        """The head's motion in its video. Where it has a :attr:`~HeadPose.source`, the head can only be shown
        in these very poses, and what is shown keeps their source; elsewhere it may move freely."""
        ...

    @property
    def background(self) -> np.ndarray:
        """What was behind it, uint8 ``[H, W, 3]``."""
        ...

    @property
    def training(self) -> dict[str, Any]:
        """How it was made."""
        ...

    def blink(self, frames: int, start: int = 0) -> np.ndarray | None:
        """How closed the eyes are in frames ``start, start + 1, ..``: ``[frames]``, 0 open and 1 shut, where
        the avatar blinks by a rule of its own and shuts the eyes itself (the landmarks then come without);
        None where blinks are free and in the landmarks."""
        ...

    def renderer(
        self,
        size: int = 512,
        background: Background = None,
        device: str = "auto",
        threads: int | None = None,
        precision: str | None = None,
    ) -> PerformanceRenderer:
        """Pictures of ``size`` pixels each way over ``background``: a colour, an image file or a picture, the
        avatar's own if None. ``precision`` of networks: fp32 or bf16; what suits them if None."""
        ...

    def save(self, path: str | Path) -> None:
        """Write one file, or nothing: it appears under its name when it is complete."""
        ...


def open_avatar(name_or_path: str | Path) -> AnyAvatar:
    """An avatar by name, or an avatar file. Raises EmoGeneError, one line, for anything else."""
    path = avatar_file(name_or_path)
    strings, tensors = read_tensors(path, WHAT)
    with damage_in_one_line(path, WHAT):
        header = json.loads(strings["emogene"])
        if header["format"] != FORMAT:
            raise EmoGeneError(f"{path} has avatar format {header['format']}; this EmoGene reads {FORMAT}.")
        module, name = KINDS[header["kind"]].split(":")
        return getattr(import_module(module), name).unpack(header, tensors)


def write_avatar(
    path: str | Path, kind: str, header: dict[str, Any], tensors: dict[str, Tensor], mode: int = 0o644
) -> None:
    """The file of an avatar of this ``kind``, readable by whom ``mode`` says."""
    strings = {"emogene": json.dumps({"format": FORMAT, "kind": kind, **header})}
    with replacing(path) as part:
        save_file({name: value.contiguous() for name, value in tensors.items()}, part, strings)
        part.chmod(mode)
