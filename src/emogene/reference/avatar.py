"""An avatar made of official GeneFace++ checkpoints, its poses, and its file."""

from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emogene.avatar.file import Provenance, write_avatar
from emogene.device import choose_dtype
from emogene.face.pose import HeadPose
from emogene.face.rig import Rig
from emogene.reference.condition import EyeRange, LandmarkStatistics, official_blink, rotation_matrix
from emogene.reference.face_model import LinearFaceModel
from emogene.reference.radnerf.backend import Backend
from emogene.reference.radnerf.networks import networks_header, networks_tensors, read_networks
from emogene.reference.radnerf.renderer import Portrait
from emogene.reference.renderer import OfficialRenderer, PoseTrack, RenderConfig
from emogene.reference.space import BaselSpace
from emogene.video.background import Background

KIND = "official"
FPS = Fraction(25)  # of the videos that GeneFace++ binarises


@dataclass(frozen=True)
class OfficialAvatar:
    """One person from a GeneFace++ dataset and its checkpoints, with the interface of every avatar.

    Landmarks are in the Basel face model's space, decimetres; :attr:`space` carries the person's face model.
    """

    provenance: Provenance
    space: BaselSpace
    statistics: LandmarkStatistics
    eyes: EyeRange
    track: PoseTrack
    portrait: Portrait
    background: np.ndarray
    """uint8 ``[H, W, 3]``."""
    native: int
    """Rows of the head field's image; super-resolution doubles them."""
    training: dict[str, Any] = field(default_factory=dict)
    """``imported``: the sha256 of every file that it was imported from."""

    @property
    def name(self) -> str:
        return self.provenance.name

    @property
    def rig(self) -> Rig:
        """That of the head model: the Basel model knows no ARKit shapes."""
        return Rig.embedded()

    @cached_property
    def pose(self) -> HeadPose:
        """The poses of the video, each with its frame as source: the head is shown in no others."""
        rotation = rotation_matrix(self.track.euler).astype(np.float32)
        return HeadPose(rotation, self.track.trans, FPS, source=np.arange(len(self.track)))

    def blink(self, frames: int, start: int = 0) -> np.ndarray:
        """The official blinks, whatever the voice: see :func:`official_blink`."""
        return official_blink(frames, start)

    def renderer(
        self,
        size: int = 512,
        background: Background = None,
        device: str = "auto",
        threads: int | None = None,
        precision: str | None = None,
        backend: Backend = "auto",
    ) -> OfficialRenderer:
        """Pictures of ``size`` pixels each way: see :class:`RenderConfig`. ``precision`` is fp32 if None."""
        dtype = choose_dtype(precision) or torch.float32
        return OfficialRenderer(
            portrait=self.portrait,
            native=self.native,
            mean_face=self.space.origin,
            statistics=self.statistics,
            eyes=self.eyes,
            track=self.track,
            background=self.background,
            config=RenderConfig(
                size=size,
                background=background,
                device=device,
                threads=threads,
                dtype=dtype,
                backend=backend,
            ),
        )

    def save(self, path: str | Path) -> None:
        """Write one file, or nothing; every weight as exact as in the checkpoint."""
        header = {
            "provenance": asdict(self.provenance),
            "eyes": asdict(self.eyes),
            "native": self.native,
            "training": self.training,
            **networks_header(self.portrait),
        }
        # It holds parts of the Basel face model, which may not be passed on.
        write_avatar(path, KIND, header, self._tensors(), mode=0o600)

    def _tensors(self) -> dict[str, Tensor]:
        model = self.space.model
        arrays = {
            "landmarks.neutral": self.space.neutral,
            "landmarks.database": self.space.database,
            "face.mean": model.mean,
            "face.identity": model.identity_basis,
            "face.expression": model.expression_basis,
            **{f"pose.{f.name}": getattr(self.track, f.name) for f in fields(self.track)},
            "background": self.background,
            **{f"statistics.{f.name}": getattr(self.statistics, f.name) for f in fields(self.statistics)},
        }
        tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
        return tensors | networks_tensors(self.portrait)

    @classmethod
    def unpack(cls, header: dict[str, Any], tensors: dict[str, Tensor]) -> "OfficialAvatar":
        """What :meth:`save` wrote; KeyError, TypeError, ValueError or RuntimeError where it is not."""

        def named(part: str, kind: type) -> dict[str, np.ndarray]:
            return {f.name: tensors[f"{part}.{f.name}"].numpy() for f in fields(kind)}

        model = LinearFaceModel(
            mean=tensors["face.mean"].numpy(),
            identity_basis=tensors["face.identity"].numpy(),
            expression_basis=tensors["face.expression"].numpy(),
        )
        return cls(
            provenance=Provenance(**header["provenance"]),
            space=BaselSpace(
                neutral=tensors["landmarks.neutral"].numpy(),
                database=tensors["landmarks.database"].numpy(),
                origin=model.mean,
                model=model,
            ),
            statistics=LandmarkStatistics(**named("statistics", LandmarkStatistics)),
            eyes=EyeRange(**header["eyes"]),
            track=PoseTrack(**named("pose", PoseTrack)),
            portrait=read_networks(header, tensors),
            background=tensors["background"].numpy(),
            native=header["native"],
            training=dict(header["training"]),
        )
