"""From where splats are seen."""

from dataclasses import dataclass

import numpy as np

from emogene.face.camera import Camera


@dataclass(frozen=True)
class View:
    """``p_camera = rotation p + translation`` (``[3, 3]`` and ``[3]``, dm) of splats, seen by ``camera``."""

    camera: Camera
    rotation: np.ndarray
    translation: np.ndarray

    @classmethod
    def fixed(cls, camera: Camera) -> "View":
        """Of splats that are given in the camera frame."""
        return cls(camera, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
