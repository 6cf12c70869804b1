"""Frames of a video, with the colour blocks of old codecs smoothed."""

from collections.abc import Iterator
from pathlib import Path

import av
import av.error
import numpy as np
from scipy.ndimage import uniform_filter

from emogene.errors import EmoGeneError

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_TO_YCC = np.array([LUMA, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_FROM_YCC = np.linalg.inv(_TO_YCC).astype(np.float32)


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """RGB frames ``uint8 [H, W, 3]`` of a video, in order. Raises EmoGeneError for other files."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise EmoGeneError(f"{path} has no video stream; give a video of the person's face.")
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, OSError) as error:
        raise EmoGeneError(f"cannot read the video {path}: {error}") from error


def smooth_chroma(frame: np.ndarray, known: np.ndarray, radius: int = 4, epsilon: float = 1e-4) -> np.ndarray:
    """Chroma of the ``known [H, W]`` pixels filtered with luma as the guide (He, Sun, Tang 2010).

    ``frame [H, W, 3]`` float32 in 0..1; other pixels neither change nor lend their colour. MPEG-1 keeps
    colour at half resolution and quantises it to flat 16-pixel blocks; luma still has the edges.
    """
    ycc = frame @ _TO_YCC.T
    luma, size = ycc[..., 0], 2 * radius + 1
    weight = np.maximum(uniform_filter(known.astype(np.float32), size), 1e-4)

    def mean(x: np.ndarray) -> np.ndarray:
        return uniform_filter(x * known, size) / weight

    luma_mean = mean(luma)
    variance = mean(luma * luma) - luma_mean**2
    for channel in (1, 2):
        chroma = ycc[..., channel]
        chroma_mean = mean(chroma)
        slope = (mean(luma * chroma) - luma_mean * chroma_mean) / (variance + epsilon)
        ycc[..., channel] = mean(slope) * luma + mean(chroma_mean - slope * luma_mean)
    return np.where(known[..., None], np.clip(ycc @ _FROM_YCC.T, 0, 1), frame)
