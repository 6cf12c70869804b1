"""The pinhole camera that all of EmoGene uses.

Head frame and camera frame are both right-handed with x to the viewer's right, y up and z towards the
viewer; the camera looks along -z, so visible points have negative z in the camera frame. A head point p
goes to the camera frame by ``p_camera = R p + t`` (:class:`emogene.face.pose.HeadPose`) and to the image by

    u = cx + f x / -z,    v = cy - f y / -z

in pixels, (0, 0) being the image's top left corner, so that the first pixel's centre is at (.5, .5).
"""

from dataclasses import dataclass

import numpy as np

FOCAL_PER_HEIGHT = 1015 / 224  # the narrow field of view of GeneFace++ and Deep3DFace (12.6 degrees)


@dataclass(frozen=True)
class Camera:
    """``focal`` in pixels, ``width`` and ``height`` of the image; the principal point is its centre."""

    focal: float
    width: int
    height: int

    @classmethod
    def of_image(cls, width: int, height: int) -> "Camera":
        """The fixed field of view that is assumed for any video."""
        return cls(FOCAL_PER_HEIGHT * height, width, height)

    @property
    def centre(self) -> np.ndarray:
        """Principal point ``[2]`` in pixels."""
        return np.array([self.width / 2, self.height / 2])

    def project(self, points: np.ndarray) -> np.ndarray:
        """``[..., 3]`` decimetres in the camera frame to pixels ``[..., 2]``."""
        flipped = points[..., :2] * np.array([1, -1])
        return self.centre + self.focal * flipped / -points[..., 2:]

    def unproject(self, pixels: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Pixels ``[..., 2]`` at camera-frame ``z [...]`` (negative, decimetres) to points ``[..., 3]``."""
        xy = (pixels - self.centre) * np.array([1, -1]) * -z[..., None] / self.focal
        return np.concatenate([xy, z[..., None]], axis=-1)
