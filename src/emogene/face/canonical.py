"""From MediaPipe's landmarks in a video to canonical landmarks and head pose.

MediaPipe's points are pixels (x right, y down) with a depth on the same scale (smaller = nearer), as a weak
perspective would see them. Per frame: a similarity of the points that do not move with expression onto the
embedded mean face gives scale and pose; Gauss-Newton then fits the pose under the pinhole camera of
:mod:`emogene.face.camera` (``p_camera = R p + t``, camera looking along -z); the pose is smoothed lightly
within each clip; last, every point is unprojected at its own depth and taken into the head frame, so that
canonical points projected back by pose and camera are the tracked pixels exactly.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from emogene.clock import VIDEO_FPS
from emogene.errors import EmoGeneError
from emogene.face.camera import Camera
from emogene.face.landmarks import N_POINTS, Landmarks
from emogene.face.mean import mean_face
from emogene.face.pose import HeadPose
from emogene.face.procrustes import align, transform
from emogene.face.rotation import from_vector

# Nose bridge, eye corners and temples: what expression and speech move least.
STABLE = np.array([27, 28, 29, 30, 36, 39, 42, 45, 0, 16])
DEPTH_WEIGHT = 0.25  # trust in MediaPipe's depth against its x and y, in the pose fit
POSE_SIGMA = 1.0  # frames of Gaussian smoothing of the pose


@dataclass(frozen=True)
class Canonical:
    """Canonical landmarks of a video, the head pose of each frame and the camera that sees it so."""

    motion: Landmarks
    pose: HeadPose
    camera: Camera

    def project(self) -> np.ndarray:
        """The tracked pixels again, ``[T, 68, 2]``."""
        return self.camera.project(self.pose.to_camera(self.motion.points))


def canonicalise(
    landmarks: np.ndarray,
    size: tuple[int, int],
    fps: Fraction = VIDEO_FPS,
    offsets: np.ndarray | None = None,
    sigma: float = POSE_SIGMA,
    template: np.ndarray | None = None,
) -> Canonical:
    """Canonical 68 points and head pose of tracked frames.

    ``landmarks [T, P, 3]``: MediaPipe points in pixels, z on the x scale, the first 68 in our order (of a
    full mesh pass ``mesh[:, MEDIAPIPE_68]``). ``size``: the image's (width, height). ``offsets [clips + 1]``:
    the rows where clips begin, if several follow each other; the pose is smoothed within clips only, by a
    Gaussian of ``sigma`` frames. ``template [68, 3]``: the face to measure the pose by (default: the person's
    own stable points, sized and placed by the embedded mean face).
    """
    if landmarks.ndim != 3 or len(landmarks) == 0 or landmarks.shape[1] < N_POINTS:
        raise EmoGeneError("no face was tracked: expected landmarks [T, 68 or more, 3]")
    if not np.isfinite(landmarks).all():
        raise EmoGeneError("tracked landmarks contain values that are not finite")
    camera = Camera.of_image(*size)
    tracked = landmarks[:, :N_POINTS].astype(np.float64)
    upright = tracked * np.array([1, -1, -1])
    shape = personal_shape(upright) if template is None else template[STABLE]
    pose, scale = _weak_perspective_pose(upright, shape, camera, fps)
    pose = _refine(pose, scale, shape, tracked[:, STABLE], camera)
    pose = smooth_clips(pose, np.array([0, len(pose)]) if offsets is None else offsets, sigma)
    points = _unproject(tracked, pose, shape, camera)
    return Canonical(Landmarks.of(points.astype(np.float32), fps), pose, camera)


def personal_shape(upright: np.ndarray) -> np.ndarray:
    """The person's stable points ``[S, 3]``: the mean of all frames ``[T, 68, 3]`` laid on the mean face."""
    target = mean_face()[STABLE].astype(np.float64)
    for _ in range(2):
        placed = transform(upright[:, STABLE], *align(upright[:, STABLE], target))
        target = placed.mean(0)
    scale, rotation, translation = align(target, mean_face()[STABLE].astype(np.float64))
    return transform(target, scale, rotation, translation)


def smooth_clips(pose: HeadPose, offsets: np.ndarray, sigma: float) -> HeadPose:
    """Smooth the pose over time, each clip on its own."""
    clips = [pose[slice(a, b)].smooth(sigma) for a, b in pairwise(offsets) if b > a]
    return replace(
        pose,
        rotation=np.concatenate([clip.rotation for clip in clips]),
        translation=np.concatenate([clip.translation for clip in clips]),
    )


def _weak_perspective_pose(
    upright: np.ndarray, shape: np.ndarray, camera: Camera, fps: Fraction
) -> tuple[HeadPose, np.ndarray]:
    """The pose if all points were equally far, and the scale ``[T]`` in pixels per decimetre."""
    scale, rotation, shift = align(np.broadcast_to(shape, (len(upright), *shape.shape)), upright[:, STABLE])
    distance = camera.focal / scale
    xy = (shift[:, :2] - camera.centre * np.array([1, -1])) / scale[:, None]
    translation = np.concatenate([xy, -distance[:, None]], axis=1)
    return HeadPose(rotation.astype(np.float32), translation.astype(np.float32), fps), scale


def _refine(
    pose: HeadPose, scale: np.ndarray, shape: np.ndarray, tracked: np.ndarray, camera: Camera, steps: int = 4
) -> HeadPose:
    """Gauss-Newton on the reprojection of the stable points and, weakly, on their relative depths."""
    rotation, t = pose.rotation.astype(np.float64), pose.translation.astype(np.float64)
    weight = DEPTH_WEIGHT * scale[:, None]
    depth = -tracked[..., 2] / scale[:, None]
    depth -= depth.mean(1, keepdims=True)
    wanted = np.concatenate([tracked[..., :2], (weight * depth)[..., None]], -1)
    for _ in range(steps):
        turned = shape @ rotation.swapaxes(1, 2)
        points = turned + t[:, None]
        relative = points[..., 2] - points[..., 2].mean(1, keepdims=True)
        seen = np.concatenate([camera.project(points), (weight * relative)[..., None]], -1)
        jacobian = _jacobian(turned, points, weight, camera)
        flat = jacobian.reshape(len(t), -1, 6)
        residual = (wanted - seen).reshape(len(t), -1, 1)
        normal = flat.swapaxes(1, 2) @ flat
        step = np.linalg.solve(normal, flat.swapaxes(1, 2) @ residual)[..., 0]
        rotation = from_vector(step[:, :3]) @ rotation
        t = t + step[:, 3:]
    return replace(pose, rotation=rotation.astype(np.float32), translation=t.astype(np.float32))


def _jacobian(turned: np.ndarray, points: np.ndarray, weight: np.ndarray, camera: Camera) -> np.ndarray:
    """``[T, S, 3, 6]``: change of (u, v, weighted relative depth) with (rotation vector, translation)."""
    inverse = 1 / -points[..., 2]
    x, y = points[..., 0] * inverse, points[..., 1] * inverse
    zero = np.zeros_like(x)
    by_point = np.stack(
        [
            np.stack([inverse, zero, x * inverse], -1) * camera.focal,
            np.stack([zero, -inverse, -y * inverse], -1) * camera.focal,
            np.stack([zero, zero, zero + weight], -1),
        ],
        -2,
    )
    by_rotation = by_point @ -_cross_matrix(turned)
    jacobian = np.concatenate([by_rotation, by_point], -1)
    jacobian[..., 2, :] -= jacobian[..., 2, :].mean(1, keepdims=True)
    return jacobian


def _cross_matrix(v: np.ndarray) -> np.ndarray:
    """``[..., 3] -> [..., 3, 3]`` with ``cross_matrix(v) @ w == cross(v, w)``."""
    x, y, z = np.moveaxis(v, -1, 0)
    zero = np.zeros_like(x)
    rows = [np.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    return np.stack(rows, -2)


def _unproject(tracked: np.ndarray, pose: HeadPose, shape: np.ndarray, camera: Camera) -> np.ndarray:
    """Points in the head frame ``[T, 68, 3]``: pixels at MediaPipe's depth, the stable points as anchor."""
    anchor = pose.to_camera(shape)[..., 2].mean(1, keepdims=True)
    depth = -tracked[..., 2] * -anchor / camera.focal
    z = anchor + depth - depth[:, STABLE].mean(1, keepdims=True)
    return pose.to_head(camera.unproject(tracked[..., :2], z))
