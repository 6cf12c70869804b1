"""How the torso goes with the head."""

from dataclasses import dataclass

import numpy as np

from emogene.avatar.pose_scale import PoseScale

MOVES = 4
"""Numbers of the torso's own motion: shift right and down (pixels), turn (radians), growth (share)."""
POSE = 6


@dataclass(frozen=True)
class TorsoMotion:
    """The condition ``[10]`` of the torso's splats from a pose of the head.

    ``scale``: the pose as six numbers of unit deviation; ``follow [6, 4]``: the moves that go with each.
    """

    scale: PoseScale
    follow: np.ndarray

    def condition(self, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """``[T, 3, 3]`` and ``[T, 3]`` -> ``[T, 10]`` float32."""
        pose = self.scale(rotation, translation)
        return np.concatenate([pose @ self.follow, pose], 1).astype(np.float32)
