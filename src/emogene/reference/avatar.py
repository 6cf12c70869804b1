"""An avatar made of official GeneFace++ checkpoints: the condition pipeline and camera of the reference."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from emogene.avatar.avatar import FORMAT, Provenance
from emogene.avatar.networks import networks_header, networks_tensors, read_networks
from emogene.avatar.renderer import field_renderer, scaled
from emogene.device import choose_device, choose_dtype
from emogene.face.landmarks import Landmarks
from emogene.face.space import LandmarkSpace
from emogene.motion2video.grid import Backend
from emogene.motion2video.rays import official_rays
from emogene.motion2video.renderer import FrameState, Portrait
from emogene.output import replacing
from emogene.reference.condition import (
    SMOOTHED,
    EyeRange,
    LandmarkStatistics,
    head_condition,
    pose_frames,
    torso_landmarks,
    torso_pose,
)
from emogene.reference.face_model import LinearFaceModel
from emogene.video.background import Background

KIND = "official"
BLOCK = 250  # frames whose conditions are in memory together
_STATISTICS = ("mean", "std", "lower", "upper")


@dataclass(frozen=True)
class PoseTrack:
    """Head poses of the avatar's video, frame by frame.

    ``camera [N, 4, 4]``: camera to world in instant-ngp's convention, smoothed and scaled as the head field
    wants it; ``euler [N, 3]`` radians and ``trans [N, 3]`` as the dataset stores them (z minus 10).
    """

    camera: np.ndarray
    euler: np.ndarray
    trans: np.ndarray

    def __len__(self) -> int:
        return len(self.camera)


@dataclass(frozen=True)
class OfficialAvatar:
    """One person from a GeneFace++ dataset and its checkpoints, with the interface of :class:`Avatar`.

    Landmarks are in the Basel face model's space, decimetres; :attr:`space` carries the person's face model.
    """

    provenance: Provenance
    space: LandmarkSpace
    statistics: LandmarkStatistics
    eyes: EyeRange
    pose: PoseTrack
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
    def model(self) -> LinearFaceModel:
        """Mean face, this person, and the expressions of the official audio-to-motion network."""
        assert self.space.model is not None
        return self.space.model

    def renderer(
        self,
        size: int = 512,
        background: Background = None,
        device: str = "auto",
        threads: int | None = None,
        pose: str | None = None,
        precision: str | None = None,
    ) -> "OfficialRenderer":
        """See :meth:`Avatar.renderer`; ``pose`` is "nearest" if None: the video's poses in order, and
        ``precision`` "fp32"."""
        threads, device = threads or os.cpu_count() or 1, choose_device(device)
        dtype = choose_dtype(precision) or torch.float32
        return OfficialRenderer(self, size, background, threads, pose or "nearest", device, dtype)

    def save(self, path: str | Path) -> None:
        """Write one file, or nothing; every weight as exact as in the checkpoint."""
        header = {
            **{"format": FORMAT, "kind": KIND, "provenance": asdict(self.provenance)},
            **{"eyes": asdict(self.eyes), "native": self.native, "training": self.training},
            **networks_header(self.portrait),
        }
        arrays = {
            "landmarks.neutral": self.space.neutral,
            "landmarks.database": self.space.database,
            "face.mean": self.model.mean,
            "face.identity": self.model.identity_basis,
            "face.expression": self.model.expression_basis,
            "pose.camera": self.pose.camera,
            "pose.euler": self.pose.euler,
            "pose.trans": self.pose.trans,
            "background": self.background,
            **{f"statistics.{name}": getattr(self.statistics, name) for name in _STATISTICS},
        }
        tensors = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
        tensors |= networks_tensors(self.portrait, half=False)
        with replacing(path) as part:
            save_file(tensors, part, {"emogene": json.dumps(header)})
            part.chmod(0o600)  # it holds parts of the Basel face model, which may not be passed on

    @classmethod
    def unpack(cls, header: dict[str, Any], tensors: dict[str, Tensor]) -> "OfficialAvatar":
        """What :meth:`save` wrote; KeyError, TypeError, ValueError or RuntimeError where it is not."""

        def arrays(part: str, *names: str) -> list[np.ndarray]:
            return [tensors[f"{part}.{name}"].numpy() for name in names]

        model = LinearFaceModel(*arrays("face", "mean", "identity", "expression"))
        neutral, database = arrays("landmarks", "neutral", "database")
        return cls(
            provenance=Provenance(**header["provenance"]),
            space=LandmarkSpace(neutral, database, model),
            statistics=LandmarkStatistics(*arrays("statistics", *_STATISTICS)),
            eyes=EyeRange(**header["eyes"]),
            pose=PoseTrack(*arrays("pose", "camera", "euler", "trans")),
            portrait=read_networks(header, tensors),
            background=tensors["background"].numpy(),
            native=header["native"],
            training=dict(header["training"]),
        )


class OfficialRenderer:
    """Pictures of ``size`` pixels each way, as the reference renders them."""

    def __init__(
        self,
        avatar: OfficialAvatar,
        size: int,
        background: Background,
        threads: int,
        pose: str,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        backend: Backend = "auto",
    ) -> None:
        self.avatar, self.size, self.threads, self.pose = avatar, size, threads, pose
        self.inner = field_renderer(
            *(avatar.portrait, avatar.native, avatar.background, size, background, dtype, device, backend)
        )

    def frames(
        self, motion: Landmarks, seed: int = 0, loudness: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """One picture, uint8 ``[size, size, 3]``, per frame; a blink every 100, whatever the ``seed`` and the
        voice."""
        del seed, loudness
        yield from scaled(self.inner.frames(self.states(motion.points), self.threads), self.size)

    def states(self, faces: np.ndarray) -> Iterator[FrameState]:
        """What the networks are given for ``faces [T, 68, 3]``, decimetres, a block of frames at a time."""
        chosen = pose_frames(self.pose, len(faces), len(self.avatar.pose))
        for first in range(0, len(faces), BLOCK):
            yield from self._block(faces, chosen, first, min(first + BLOCK, len(faces)))

    def _block(self, faces: np.ndarray, chosen: np.ndarray, first: int, last: int) -> Iterator[FrameState]:
        """Frames ``first`` to ``last``, whose conditions depend on their neighbours."""
        avatar, head = self.avatar, self.avatar.portrait.head
        mean, window = avatar.model.mean, head.config.window
        margin = max(window, SMOOTHED)
        low, high = max(0, first - margin), last + margin
        near, poses = faces[low:high], chosen[low:high]
        conditions, areas = head_condition(near, mean, avatar.statistics, avatar.eyes, window, start=low)
        torso = self._torso_conditions(near, poses)
        for t in range(first - low, last - low):
            with torch.no_grad():
                condition = head.condition(torch.from_numpy(conditions[t]), torch.from_numpy(areas[t]))
            rays = official_rays(torch.from_numpy(avatar.pose.camera[poses[t]]), self.inner.size)
            yield FrameState(rays, condition, None if torso is None else torch.from_numpy(torso[t : t + 1]))

    def _torso_conditions(self, faces: np.ndarray, chosen: np.ndarray) -> np.ndarray | None:
        torso, pose = self.avatar.portrait.torso, self.avatar.pose
        if torso is None:
            return None
        if torso.config.condition == "pose":
            return torso_pose(pose.camera[chosen])
        return torso_landmarks(faces, pose.euler[chosen], pose.trans[chosen])
