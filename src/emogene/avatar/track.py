"""One continuous head motion out of many short clips, and the face at rest."""

import numpy as np
from scipy.spatial.transform import Rotation

from emogene.clock import VIDEO_FPS, resample
from emogene.face.landmarks import eye_openness, mouth_openness
from emogene.face.pose import HeadPose


def joined_pose(
    rotation: np.ndarray,
    translation: np.ndarray,
    clip: np.ndarray,
    stride: int,
    clips: int = 10,
    blend: int = 12,
) -> HeadPose:
    """A track at 25 fps of the ``clips`` liveliest clips, each centred and faded into the next.

    ``rotation [N, 3, 3]``, ``translation [N, 3]`` and ``clip [N]``: every ``stride``-th frame of each clip.
    Where a person sits differs from clip to clip; what is kept is how the head moves.
    """
    mean = Rotation.from_matrix(rotation).mean()
    offsets = (mean.inv() * Rotation.from_matrix(rotation)).as_rotvec()
    six = np.concatenate([offsets, translation - translation.mean(0)], 1)
    pieces = [_whole(six[clip == c], stride) for c in np.unique(clip)]
    liveliness = [float(np.linalg.norm(piece.std(0) / (six.std(0) + 1e-9))) for piece in pieces]
    lively = np.argsort(-np.array(liveliness), kind="stable")[:clips]
    track = pieces[lively[0]]
    for i in lively[1:]:
        track = _faded(track, pieces[i], blend)
    joined = HeadPose(
        (mean * Rotation.from_rotvec(track[:, :3])).as_matrix().astype(np.float32),
        (track[:, 3:] + translation.mean(0)).astype(np.float32),
    )
    return joined.smooth(2.0)


def _whole(part: np.ndarray, stride: int) -> np.ndarray:
    """Every frame of a clip at 25 fps, centred, from every ``stride``-th: ``[N, 6] -> [T, 6]``."""
    frames = stride * (len(part) - 1) + 1
    return resample(part - part.mean(0), VIDEO_FPS / stride, VIDEO_FPS, frames)


def _faded(first: np.ndarray, second: np.ndarray, blend: int) -> np.ndarray:
    """One track after another, ``[T, 6]`` each, the one fading into the other over ``blend`` frames."""
    fade = np.linspace(0, 1, blend + 2)[1:-1, None]
    fade = fade * fade * (3 - 2 * fade)
    mixed = first[-blend:] * (1 - fade) + second[:blend] * fade
    return np.concatenate([first[:-blend], mixed, second[blend:]])


def resting_face(points: np.ndarray) -> np.ndarray:
    """``[68, 3]``: the mean of the frames ``[N, 68, 3]`` with closed lips and open eyes."""
    mouth, eyes = mouth_openness(points), eye_openness(points)
    resting = (mouth <= np.quantile(mouth, 0.25)) & (eyes >= np.quantile(eyes, 0.4))
    return points[resting].mean(0).astype(np.float32)


def spread_rows(points: np.ndarray, count: int) -> np.ndarray:
    """``count`` rows of ``[N, 68, 3]`` far from each other (farthest point sampling), in their order."""
    flat = points.reshape(len(points), -1)
    distance = np.linalg.norm(flat - flat.mean(0), axis=1)
    chosen = []
    for _ in range(min(count, len(flat))):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(flat - flat[chosen[-1]], axis=1))
    return np.sort(chosen)
