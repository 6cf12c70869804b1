"""The official condition pipeline: landmarks and head pose of a clip into what a GeneFace++ RAD-NeRF is fed.

Landmarks are displacements from the Basel mean face in centimetres (the papers' "x10 scale"), or real-scale
("canonical"): mean face + displacement / 10, in decimetres. The LLE comes before, in the mixture.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.spatial.transform import Rotation

from emogene.errors import EmoGeneError
from emogene.face.landmarks import EYES, N_POINTS

SMOOTHED = 7  # frames over which head poses are averaged
FOCAL, CENTRE, SIZE = 1015.0, 112.0, 224.0  # the Deep3DFace camera, on an image of 224 pixels

# A closed lid lies between the eye's corners: {upper and lower lid: (corner, corner, share of the first)}.
_CLOSED = {
    (37, 41): (36, 39, 0.67),
    (38, 40): (36, 39, 0.33),
    (43, 47): (42, 45, 0.67),
    (44, 46): (42, 45, 0.33),
}
_UPPER_LIDS, _LOWER_LIDS = [37, 38, 43, 44], [41, 40, 47, 46]
_LID_WIDENING = 0.03  # decimetres, up and down
_BLINK = np.array([0.1, 0.5, 0.7, 1.0, 0.7, 0.5, 0.1])
_BLINK_PERIOD, _BLINK_PHASE = 100, 75  # frames
_AREA_BETWEEN_BLINKS = 0.6  # a constant in the official code, where one would expect the opened eye's area


@dataclass(frozen=True)
class LandmarkStatistics:
    """Per coordinate, over an avatar's video: ``mean`` and unbiased ``std``, and the 3% and 97% quantiles of
    the normalised values, ``lower`` and ``upper``; all ``[68, 3]``."""

    mean: np.ndarray
    std: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def of(cls, displacements: np.ndarray) -> "LandmarkStatistics":
        """From the displacements of all training frames, ``[N, 68, 3]`` centimetres."""
        if len(displacements) < 2:
            raise EmoGeneError("an avatar's landmark statistics need at least 2 frames of video")
        mean, std = displacements.mean(0), displacements.std(0, ddof=1)
        lower, upper = np.quantile((displacements - mean) / std, [0.03, 0.97], axis=0)
        return cls(mean, std, lower, upper)

    def normalise(self, displacements: np.ndarray) -> np.ndarray:
        """Zero mean, unit deviation, clamped to the range seen in training: ``[T, 68, 3] -> [T, 68, 3]``."""
        return np.clip((displacements - self.mean) / self.std, self.lower, self.upper)


@dataclass(frozen=True)
class EyeRange:
    """Eye area (percent) of the avatar with eyes opened and closed."""

    opened: float
    closed: float

    @classmethod
    def of(cls, areas: np.ndarray) -> "EyeRange":
        """The 97% and 3% quantiles of the training frames' ``eye_area_percent [N]``."""
        closed, opened = np.quantile(areas, [0.03, 0.97])
        return cls(float(opened), float(closed))


def official_blink(frames: int, start: int = 0) -> np.ndarray:
    """How closed the eyes are in frames ``start, start + 1, ..`` of a clip, ``[frames]`` float32 in 0..1: a
    blink of 7 frames every 100, the first at frame 75."""
    frame = np.arange(start, start + frames)
    since = (frame - _BLINK_PHASE) % _BLINK_PERIOD
    blinking = (frame >= _BLINK_PHASE) & (since < len(_BLINK))
    return np.where(blinking, _BLINK[np.minimum(since, len(_BLINK) - 1)], 0).astype(np.float32)


def blinked(faces: np.ndarray, closed: np.ndarray, eyes: EyeRange) -> tuple[np.ndarray, np.ndarray]:
    """Lids widened, then shut by ``closed [T]``: real-scale landmarks ``[T, 68, 3]`` -> the same with lids
    moved, and eye area percent ``[T, 1]``."""
    faces = faces.copy()
    faces[:, _UPPER_LIDS, 1] += _LID_WIDENING
    faces[:, _LOWER_LIDS, 1] -= _LID_WIDENING
    shut = faces.copy()
    for lids, (first, second, share) in _CLOSED.items():
        shut[:, lids] = (share * faces[:, first] + (1 - share) * faces[:, second])[:, None]
    amount = closed.astype(np.float64)[:, None]
    area = np.where(amount > 0, eyes.opened * (1 - amount) + eyes.closed * amount, _AREA_BETWEEN_BLINKS)
    share = amount[..., None]
    faces[:, EYES] = share * shut[:, EYES] + (1 - share) * faces[:, EYES]
    return faces, area


def windows(condition: np.ndarray, size: int) -> np.ndarray:
    """``size`` frames around every frame, zeros beyond the ends: ``[T, D] -> [T, size, 1, D]``."""
    before = size // 2
    padded = np.pad(condition, ((before, size - 1 - before), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)
    return view.swapaxes(1, 2)[:, :, None]


def head_condition(
    faces: np.ndarray, mean_face: np.ndarray, statistics: LandmarkStatistics, window: int
) -> np.ndarray:
    """Condition windows ``[T, window, 1, 204]`` of real-scale ``faces [T, 68, 3]``, lids as they are shown.

    ``mean_face [68, 3]`` in decimetres; ``window`` is the NeRF's ``smo_win_size``.
    """
    normalised = statistics.normalise((faces - mean_face) * 10).reshape(len(faces), 3 * N_POINTS)
    return windows(normalised, window).astype(np.float32)


def box_smooth(track: np.ndarray, size: int = SMOOTHED) -> np.ndarray:
    """Mean over ``size`` frames, the ends mirrored with the edge repeated: ``[T, ...] -> [T, ...]``."""
    return uniform_filter1d(np.asarray(track, np.float64), size, axis=0, mode="reflect")


def rotation_matrix(euler: np.ndarray) -> np.ndarray:
    """``R = Rz Ry Rx`` of angles ``[T, 3]`` about x, y and z in radians: ``[T, 3, 3]``, for ``p' = R p``."""
    return Rotation.from_euler("xyz", euler).as_matrix()


def image_landmarks(faces: np.ndarray, euler: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """Real-scale ``faces [T, P, 3]`` seen by the camera: ``[T, P, 2]`` pixels of 224, origin bottom left.

    ``trans [T, 3]`` as a dataset stores it: its z is the fitted one minus 10, so that visible points have
    negative z, and x and y come out mirrored.
    """
    points = faces @ rotation_matrix(euler).swapaxes(1, 2) + trans[:, None]
    return FOCAL * points[..., :2] / points[..., 2:] + CENTRE


def torso_landmarks(faces: np.ndarray, euler: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """The torso network's ``lm68 [T, 136]``: 0..1 in the image, origin top left, under the smoothed pose."""
    pixels = image_landmarks(faces, box_smooth(euler), box_smooth(trans))
    u, v = pixels[..., 0] / SIZE, pixels[..., 1] / SIZE
    return np.stack([1 - u, v], -1).reshape(len(faces), -1).astype(np.float32)


def smooth_poses(c2w: np.ndarray, size: int = 7) -> np.ndarray:
    """Camera to world ``[T, 4, 4]``, each the mean of ``size`` frames (fewer at the ends)."""
    result, radius = c2w.copy(), size // 2
    for t in range(len(c2w)):
        near = c2w[max(0, t - radius) : t + radius + 1]
        result[t, :3, 3] = near[:, :3, 3].mean(0)
        result[t, :3, :3] = Rotation.from_matrix(near[:, :3, :3]).mean().as_matrix()
    return result


def ngp_poses(c2w: np.ndarray, scale: float = 4.0) -> np.ndarray:
    """Camera to world as instant-ngp wants it, ``[T, 4, 4]`` float32: its axes, translations in its unit
    (``camera_scale``)."""
    result = c2w[:, [1, 2, 0, 3]].astype(np.float32)
    result[:, :3, 1:3] *= -1
    result[:, :3, 3] *= scale
    return result


def torso_pose(ngp: np.ndarray) -> np.ndarray:
    """What moves a torso without SR, ``[T, 4, 4] -> [T, 6]``: Euler angles XYZ, then translation."""
    angles = Rotation.from_matrix(ngp[:, :3, :3]).as_euler("XYZ")
    return np.concatenate([angles, ngp[:, :3, 3]], 1).astype(np.float32)
