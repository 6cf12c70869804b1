"""MediaPipe landmarks of a video's frames.

A track is ``[T, 70, 3]`` pixels, z on the x scale: the 68 points, then the right and left iris.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from emogene.avatar.capture.mediapipe import face_landmarker, image
from emogene.errors import EmoGeneError
from emogene.face.landmarks import MEDIAPIPE_68

IRISES = (468, 473)
TRACKED = (*MEDIAPIPE_68, *IRISES)
_CORNERS = ((36, 39), (42, 45))


def track(frames: Iterable[np.ndarray], model: str | Path) -> np.ndarray:
    """Track RGB ``frames`` with MediaPipe's FaceLandmarker (extra ``avatar``): ``[T, 70, 3]``.

    Every frame by itself: MediaPipe's filter over time lags by .4 of a frame and hides quick lips.
    ``model``: its ``face_landmarker.task``. Raises EmoGeneError where a frame shows no face.
    """
    points = []
    with face_landmarker(model) as landmarker:
        for i, frame in enumerate(frames):
            faces = landmarker.detect(image(frame)).face_landmarks
            if not faces:
                raise EmoGeneError(f"no face in frame {i}; give a video in which the face is always seen.")
            height, width = frame.shape[:2]
            mesh = np.array([(p.x * width, p.y * height, p.z * width) for p in faces[0]])
            points.append(mesh[list(TRACKED)])
    return np.array(points)


def gaze(track: np.ndarray) -> np.ndarray:
    """Where the eyes look in a track ``[T, 70, 3]``: ``[T, 2]``, right and up as the viewer sees it.

    Mean offset of the iris centres from the middle of the eye corners, along and across the line through the
    corners, in eye widths.
    """
    offsets = []
    for iris, (first, second) in zip((68, 69), _CORNERS, strict=True):
        axis = track[:, second, :2] - track[:, first, :2]
        width = np.linalg.norm(axis, axis=-1, keepdims=True)
        axis = axis / width
        up = np.stack([axis[:, 1], -axis[:, 0]], -1)
        offset = (track[:, iris, :2] - (track[:, first, :2] + track[:, second, :2]) / 2) / width
        offsets.append(np.stack([(offset * axis).sum(-1), (offset * up).sum(-1)], -1))
    return np.mean(offsets, axis=0).astype(np.float32)
