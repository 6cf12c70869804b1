"""MediaPipe's FaceLandmarker (extra ``avatar``), without its running commentary."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np

from emogene.errors import EmoGeneError


@contextmanager
def face_landmarker(model: str | Path, blendshapes: bool = False) -> Iterator[Any]:
    """The landmarker of a ``face_landmarker.task``, for pictures one by one.

    Raises EmoGeneError, one line, where MediaPipe or its file is missing.
    """
    try:
        import mediapipe as mp
    except ImportError as error:
        raise EmoGeneError("tracking faces needs MediaPipe: pip install 'emogene[avatar]'") from error
    if not Path(model).is_file():
        raise EmoGeneError(f"{model}: no such file; MediaPipe's FaceLandmarker is needed (docs/evaluate.md)")
    vision = mp.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.IMAGE,
        output_face_blendshapes=blendshapes,
    )
    with _native_silence():
        try:
            landmarker = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise EmoGeneError(f"{model}: not MediaPipe's FaceLandmarker ({str(error)[:80]})") from error
        with landmarker:
            yield landmarker


def image(picture: np.ndarray) -> Any:
    """uint8 ``[H, W, 3]`` sRGB as the landmarker wants it."""
    import mediapipe as mp

    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))


@contextmanager
def _native_silence() -> Iterator[None]:
    """What C++ writes to file descriptor 2 is dropped; what Python writes to standard error is not."""
    sys.stderr.flush()
    with open(os.devnull, "w") as null, open(os.dup(2), "w", buffering=1) as still:
        # Under a progress bar standard error is a proxy of the bar's.
        shown = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        with redirect_stderr(still if shown is sys.__stderr__ else sys.stderr):
            os.dup2(null.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(still.fileno(), 2)
