"""How much of a wanted displacement the warp shows, measured by a face tracker on rendered faces.

The warp smooths: a brow asked to rise 5 mm rises 3. What each part of the face realises is measured on
expressions that the training video never showed, and compensated.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from emogene.avatar.avatar import Avatar
from emogene.avatar.capture.tracks import track
from emogene.face.arkit import ARKIT_52
from emogene.face.landmarks import BROWS, MOUTH, N_POINTS
from emogene.face.pose import HeadPose
from emogene.face.rig import Rig

STABLE = slice(27, 31)  # the nose's bridge
PROBES = {
    "brows": (BROWS, ({"browInnerUp": 0.6, "browOuterUp": 0.6}, {"browDown": 0.6})),
    "mouth": (MOUTH, ({"mouthSmile": 0.5}, {"mouthFrown": 0.5})),
}
LIMITS = 1.0, 2.0


def calibrated(avatar: Avatar, model: str | Path, rounds: int = 2) -> tuple[Avatar, dict[str, float]]:
    """The avatar with its ``warp_gain`` measured, and the share of a motion that each part shows without it.

    ``model``: MediaPipe's ``face_landmarker.task``.
    """
    gain = np.ones((N_POINTS, 1), np.float32)
    shares: dict[str, float] = {}
    for _ in range(rounds):
        for name, (part, probes) in PROBES.items():
            share = realised(replace(avatar, warp_gain=gain), model, part, [_displacement(p) for p in probes])
            shares.setdefault(name, round(share, 3))
            gain[part] = np.clip(gain[part] / share, *LIMITS)
    return replace(avatar, warp_gain=gain), shares


def realised(avatar: Avatar, model: str | Path, part: slice, displacements: list[np.ndarray]) -> float:
    """The tracked motion of ``part`` along the wanted one, as a share of it, on the resting face."""
    rest = avatar.space.neutral
    points = np.stack([rest, *(rest + d for d in displacements)])
    pose = avatar.pose[np.zeros(len(points), int)]
    seen = _tracked(avatar, model, points, pose)
    scale = 512 / avatar.camera.height
    wanted = avatar.camera.project(pose.to_camera(points)) * scale
    moved, asked = seen[1:] - seen[0], wanted[1:] - wanted[0]
    moved = moved - moved[:, STABLE].mean(1, keepdims=True)
    return float((moved[:, part] * asked[:, part]).sum() / (asked[:, part] ** 2).sum())


def _tracked(avatar: Avatar, model: str | Path, points: np.ndarray, pose: HeadPose) -> np.ndarray:
    """Where MediaPipe sees the 68 points in each rendered picture alone, ``[T, 68, 2]`` pixels of 512."""
    pictures = avatar.renderer(512, threads=1).posed(points, pose)
    return np.concatenate([track([picture], model) for picture in pictures])[:, :N_POINTS, :2]


def _displacement(shapes: dict[str, float]) -> np.ndarray:
    """``[68, 3]``; a name stands for its left and right shape too."""
    weights = [next((v for k, v in shapes.items() if name.startswith(k)), 0.0) for name in ARKIT_52]
    return Rig.embedded().displacement(np.array([weights], np.float32))[0]
