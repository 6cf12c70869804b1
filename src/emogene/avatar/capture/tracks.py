"""MediaPipe landmarks of a video's frames: tracked here, or read from a stored track."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from emogene.errors import EmoGeneError
from emogene.face.landmarks import MEDIAPIPE_68


def stored_tracks(path: str | Path) -> dict[str, np.ndarray]:
    """The 68 points of every clip in a ``tracks.npz``: name to ``[T, 68, 3]`` pixels, z on the x scale."""
    with np.load(path) as data:
        points = np.cumsum(data["landmarks_delta"][:, :68].astype(np.int64), axis=0) / 64
        offset = data["offset"]
        return {str(name): points[offset[i] : offset[i + 1]] for i, name in enumerate(data["clip"])}


def track(frames: Iterable[np.ndarray], model: str | Path, fps: float = 25) -> np.ndarray:
    """Track RGB ``frames`` with MediaPipe's FaceLandmarker (extra ``avatar``): ``[T, 68, 3]`` pixels.

    ``model``: its ``face_landmarker.task``. Raises EmoGeneError where a frame shows no face.
    """
    try:
        import mediapipe as mp
    except ImportError as error:
        raise EmoGeneError("tracking a video needs MediaPipe: pip install 'emogene[avatar]'") from error
    vision, tasks = mp.tasks.vision, mp.tasks
    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(model)), running_mode=vision.RunningMode.VIDEO
    )
    points = []
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for i, frame in enumerate(frames):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
            faces = landmarker.detect_for_video(image, round(i * 1000 / fps)).face_landmarks
            if not faces:
                raise EmoGeneError(f"no face in frame {i}; give a video in which the face is always seen.")
            height, width = frame.shape[:2]
            mesh = np.array([(p.x * width, p.y * height, p.z * width) for p in faces[0]])
            points.append(mesh[list(MEDIAPIPE_68)])
    return np.array(points)
