"""The inside of the mouth under an expression: teeth follow the lips that the mesh moved, darkness behind.

The splats between the lips were seen while the person spoke, so they are placed by the condition. What the
mesh adds to the lips they follow a little, and as one: up with the upper lip, hardly wider, no further down
than a jaw takes teeth. What opens beyond is the dark backing.
"""

from dataclasses import dataclass

import numpy as np

from emogene.face.landmarks import MOUTH
from emogene.motion2video.splats.layout import COLOUR, OPACITY, POSITION, ROWS

UPPER, LOWER = np.array([61, 62, 63]), np.array([65, 66, 67])
UPPER_LINE, LOWER_LINE = np.array([60, 61, 62, 63, 64]), np.array([60, 67, 66, 65, 64])
_WIDENED = 0.3  # share of the corners' widening that teeth take
_LOWERED = 0.03  # decimetres that lower teeth follow the lip down, at most
_BACK = 0.03  # decimetres that teeth step back behind lips that the mesh moved by as much
_STRETCH = (0.7, 1.35)  # of teeth, in height
_FADED = 100.0  # of a splat's opacity number per decimetre beyond the corners: no cheek hides it for sure
_THIN = 0.04  # decimetres: lips nearer than this stretch nothing
_ACROSS, _DOWN = 26, 13  # splats of the backing
_SPAN, _RISE = (
    (-0.05, 1.05),
    (-0.15, 1.15),
)  # of it, in the mouth's width from corner to corner and its height
_BEHIND, _RIM = 0.15, 0.04  # decimetres: of the bowl's bottom behind the teeth, of its rim behind the lips
# From below the lower lip's line to above the upper's: tongue, darkness, palate (sRGB).
_LEVELS = np.array([-0.1, 0.15, 0.5, 1.1])
_COLOURS = np.array([[0.42, 0.20, 0.19], [0.27, 0.11, 0.105], [0.20, 0.08, 0.08], [0.26, 0.11, 0.10]])


@dataclass(frozen=True)
class LipLines:
    """The inner lips of a face ``points [68, 3]`` as heights and depths over x."""

    points: np.ndarray

    def at(self, x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
        """Upper and lower line's coordinate ``axis`` at ``x [P]``."""
        upper, lower = self.points[UPPER_LINE], self.points[LOWER_LINE]
        return np.interp(x, upper[:, 0], upper[:, axis]), np.interp(x, lower[:, 0], lower[:, axis])

    @property
    def corners(self) -> tuple[float, float]:
        return float(self.points[60, 0]), float(self.points[64, 0])


def follow_lips(splats: np.ndarray, inside: np.ndarray, seen: np.ndarray, wanted: np.ndarray) -> None:
    """Move the splats ``inside [I]`` (indices) of ``splats [13, N]``, in place, all by one affine map.

    ``seen [68, 3]``: the face that the condition shows; ``wanted [68, 3]``: the face to be shown. One map for
    all: teeth are rigid, and a row that bends with the lips breaks into a mosaic.
    """
    upper0, lower0, upper1, lower1 = (f[i].mean(0) for f in (seen, wanted) for i in (UPPER, LOWER))
    fall = lower1[1] - lower0[1]
    fall = -_LOWERED * np.tanh(-fall / _LOWERED) if fall < 0 else fall
    height = max(upper0[1] - lower0[1], _THIN)
    taller = float(np.clip((height + upper1[1] - upper0[1] - fall) / height, *_STRETCH))
    wider = 1 + _WIDENED * (np.ptp(wanted[[60, 64], 0]) / np.ptp(seen[[60, 64], 0]) - 1)
    middle = seen[[60, 64], 0].mean()
    moved = beyond_speech(seen, wanted)
    splats[0, inside] = wanted[[60, 64], 0].mean() + wider * (splats[0, inside] - middle)
    splats[1, inside] = upper1[1] + taller * (splats[1, inside] - upper0[1])
    splats[2, inside] += 0.5 * (upper1[2] - upper0[2] + lower1[2] - lower0[2]) - _BACK * moved
    beyond = np.abs(splats[0, inside] - wanted[[60, 64], 0].mean()) - 0.5 * np.ptp(wanted[[60, 64], 0])
    splats[OPACITY, inside] -= moved * _FADED * np.maximum(beyond, 0)
    for axis in (3, 6):
        splats[axis, inside] *= wider
        splats[axis + 1, inside] *= taller


def beyond_speech(seen: np.ndarray, wanted: np.ndarray) -> float:
    """0 where the condition's mouth is the wanted one, 1 from 3 mm between any of their points."""
    return min(float(np.abs(wanted[MOUTH] - seen[MOUTH]).max()) / _BACK, 1.0)


def backing(seen: np.ndarray, wanted: np.ndarray, teeth: float) -> np.ndarray:
    """Splats ``[13, B]`` of the dark behind the lips of ``wanted [68, 3]``; ``teeth``: the teeth's z.

    A bowl, deep in the middle and, as far as the mesh moves the lips, just behind them at its rim: a flat one
    would let the light through at the corners of a turned head.
    """
    lines = LipLines(wanted)
    along, level = (v.ravel() for v in np.meshgrid(np.linspace(*_SPAN, _ACROSS), np.linspace(*_RISE, _DOWN)))
    left, right = lines.corners
    x = left + along * (right - left)
    (upper, lower), (front, under) = lines.at(x, 1), lines.at(x, 2)
    height = np.maximum(upper - lower, 0.03)
    rim = np.maximum(np.abs(2 * along - 1), np.abs(2 * level - 1)).clip(0, 1) ** 4
    depth = teeth - _BEHIND
    splats = np.zeros((ROWS, len(x)), np.float32)
    nearer = np.minimum(front, under) - _RIM - depth
    splats[POSITION] = x, lower + level * height, depth + beyond_speech(seen, wanted) * rim * nearer
    splats[3] = (right - left) / (_ACROSS - 1)
    splats[7] = 1.5 * height / (_DOWN - 1)
    splats[OPACITY] = 2.5
    splats[COLOUR] = [np.interp(level, _LEVELS, channel) for channel in _COLOURS.T]
    return splats
