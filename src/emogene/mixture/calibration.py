"""What the mixture learns about an avatar's face from its own landmarks, so that nothing is set by hand."""

from dataclasses import dataclass

import numpy as np

from emogene.errors import EmoGeneError
from emogene.face.landmarks import JAW, MOUTH, MOUTH_CORNERS, mouth_openness
from emogene.face.space import LandmarkSpace

UPPER_INNER, LOWER_INNER = np.array([61, 62, 63]), np.array([67, 66, 65])
UPPER_OUTER, LOWER_OUTER = np.array([50, 51, 52]), np.array([58, 57, 56])
# The lips' points next to the corners follow half of their neighbour on the lip.
_BESIDE = {49: 50, 53: 52, 59: 58, 55: 56}


@dataclass(frozen=True)
class Calibration:
    """An avatar's own measures, in decimetres.

    ``shut`` and ``wide``: mouth openness at the 3% and 97% quantile of its video; ``mouth_width``: at rest;
    ``opening [68, 3]``: how jaw and mouth move per unit of openness, zero elsewhere; ``lips [20, 3]``: how
    the mouth's points take up a change of the three gaps between the inner lips.
    """

    shut: float
    wide: float
    mouth_width: float
    opening: np.ndarray
    lips: np.ndarray

    @classmethod
    def of(cls, space: LandmarkSpace) -> "Calibration":
        """From ``space``: its database gives ranges and how the mouth opens, its neutral face lengths."""
        if len(space.database) < 2:
            raise EmoGeneError(
                "the avatar's video gives fewer than 2 faces; the mixture cannot be calibrated"
            )
        openness = mouth_openness(space.database)
        shut, wide = np.quantile(openness, [0.03, 0.97])
        width = float(np.linalg.norm(np.subtract(*space.neutral[list(MOUTH_CORNERS)])))
        opening = _opening_mode(space.database, openness)
        return cls(
            shut=float(shut),
            wide=float(max(wide, shut + 0.05 * width)),
            mouth_width=width,
            opening=opening,
            lips=_lips(opening),
        )

    @property
    def direction(self) -> np.ndarray:
        """``[3]`` unit vector in which the lips part."""
        return gaps(self.opening[None])[0].mean(0)

    @property
    def range(self) -> float:
        """Openness from shut to wide open."""
        return self.wide - self.shut


def gaps(faces: np.ndarray) -> np.ndarray:
    """Vectors from the lower to the upper inner lip at three places, ``[T, 68, 3] -> [T, 3, 3]``."""
    return faces[:, UPPER_INNER] - faces[:, LOWER_INNER]


def _opening_mode(database: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """Regression of jaw and mouth on openness, scaled so that one unit opens the middle gaps by one unit."""
    centred = openness - openness.mean()
    mode = np.zeros(database.shape[1:])
    if openness.std() > 1e-6:
        for part in (JAW, MOUTH):
            mode[part] = np.tensordot(centred, database[:, part] - database[:, part].mean(0), 1)
    else:
        mode[LOWER_INNER, 1] = -1
    return mode / np.linalg.norm(gaps(mode[None])[0].mean(0))


def _lips(opening: np.ndarray) -> np.ndarray:
    """Shared between the lips as the avatar's own opening is; outer and inner lip move together."""
    direction = gaps(opening[None])[0].mean(0)
    upper = np.clip(opening[UPPER_INNER] @ direction, 0, 1).mean()
    weights = np.zeros((68, 3))
    for place in range(3):
        weights[[UPPER_INNER[place], UPPER_OUTER[place]], place] = upper
        weights[[LOWER_INNER[place], LOWER_OUTER[place]], place] = upper - 1
    for point, neighbour in _BESIDE.items():
        weights[point] = weights[neighbour] / 2
    return weights[MOUTH]
