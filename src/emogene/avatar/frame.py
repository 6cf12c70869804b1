"""The cube that an avatar's head field fills, in the head frame."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from emogene.face.camera import Camera
from emogene.face.pose import HeadPose
from emogene.motion2video.rays import Rays


@dataclass(frozen=True)
class FieldFrame:
    """Field coordinates are ``(p - centre) / radius`` of a canonical point p, dm. Rays cross the box only."""

    centre: tuple[float, float, float] = (0.0, 0.32, -0.3)
    radius: float = 1.85
    low: tuple[float, float, float] = (-1.3, -1.45, -1.2)
    """Corner of the box, dm: right ear, upper neck, behind the ears."""
    high: tuple[float, float, float] = (1.3, 2.1, 0.55)
    """Opposite corner: left ear, above the hair, before the nose."""

    @property
    def box(self) -> tuple[float, ...]:
        """Low and high corner in field coordinates."""
        corners = (np.array([self.low, self.high]) - self.centre) / self.radius
        return tuple(corners.reshape(-1).tolist())

    def rays(
        self, camera: Camera, rotation: np.ndarray, translation: np.ndarray, pixels: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """Origin and unit direction ``[R, 3]`` of rays through ``pixels [R, 2]``, each under its own pose."""
        offset = (pixels - camera.centre) * [1, -1] / camera.focal
        seen = np.concatenate([offset, np.full((len(pixels), 1), -1.0)], 1)
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        direction = np.einsum("rji,rj->ri", rotation, seen)
        origin = -np.einsum("rji,rj->ri", rotation, translation)
        origin = (origin - self.centre) / self.radius
        return torch.from_numpy(origin).float(), torch.from_numpy(direction).float()

    def image_rays(self, camera: Camera, rotation: np.ndarray, translation: np.ndarray) -> Rays:
        """Rays of all pixels, row by row, under one pose ``[3, 3]``, ``[3]`` (head to camera)."""
        turn = torch.from_numpy(rotation).float()
        origin = -torch.from_numpy(translation).float() @ turn
        origin = (origin - torch.tensor(self.centre)) / self.radius
        seen = _pixel_directions(camera)
        return Rays(origin.expand(len(seen), 3), seen @ turn)

    def project(self, camera: Camera, pose: HeadPose, points: np.ndarray) -> np.ndarray:
        """Field points ``[P, 3]`` to pixels ``[T, P, 2]``."""
        return camera.project(pose.to_camera(points * self.radius + self.centre))


@lru_cache(4)
def _pixel_directions(camera: Camera) -> Tensor:
    """Unit directions ``[H * W, 3]`` in the camera frame."""
    row, column = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    x = (column.flatten() + 0.5 - camera.width / 2) / camera.focal
    y = (camera.height / 2 - row.flatten() - 0.5) / camera.focal
    return torch.nn.functional.normalize(torch.stack([x, y, -torch.ones_like(x)], -1), dim=-1)
