"""Recordings with a tracked face: a folder of sounds and stored tracks, or of videos that are tracked now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from emogene.clock import VIDEO_FPS, frame_count
from emogene.errors import EmoGeneError
from emogene.face.canonical import canonicalise
from emogene.progress import Progress, over

SOUNDS, TRACKS, VIDEOS, LANDMARKER = "audio", "tracks.npz", "video", "face_landmarker.task"
_FILMS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v"}
_SEE = "docs/evaluate.md says how such a folder is laid out"


@dataclass(frozen=True)
class Recording:
    """``video`` is to be tracked; None where a track is stored under the ``name``."""

    name: str
    sound: Path
    video: Path | None = None


def recordings(folder: Path) -> list[Recording]:
    """Clips in the order of their names: ``audio/NAME.*`` with stored tracks, or videos, whose own sound
    counts where ``audio/`` has none. EmoGeneError, one line, where the folder is laid out neither way."""
    sounds = {path.stem: path for path in _files(folder / SOUNDS)}
    if (folder / TRACKS).is_file():
        if not sounds:
            raise EmoGeneError(f"{folder}: {TRACKS} but no sound in {SOUNDS}/; {_SEE}")
        return [Recording(name, sound) for name, sound in sounds.items()]
    films = [
        path for place in (VIDEOS, ".") for path in _files(folder / place) if path.suffix.lower() in _FILMS
    ]
    if not films:
        raise EmoGeneError(f"{folder}: neither {TRACKS} nor videos; {_SEE}")
    if not (folder / LANDMARKER).is_file():
        raise EmoGeneError(f"{folder}: no {TRACKS}; to track its videos, put {LANDMARKER} there; {_SEE}")
    return [Recording(film.stem, sounds.get(film.stem, film), film) for film in films]


def tracked(folder: Path, clips: Sequence[Recording], progress: Progress) -> dict[str, np.ndarray]:
    """Canonical landmarks ``[T, 68, 3]`` at 25 fps by name: all that are stored, or those of ``clips``."""
    if (folder / TRACKS).is_file():
        return _stored(folder / TRACKS)
    films = [clip.video for clip in clips if clip.video]
    return {film.stem: _track(film, folder / LANDMARKER) for film in over(films, "tracking faces", progress)}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _stored(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            pixels = np.cumsum(archive["landmarks_delta"], axis=0, dtype=np.int64)[:, :68] / 64
            width, height = (int(n) for n in archive["image_size"])
            names, offset, fps = archive["clip"], archive["offset"], Fraction(int(archive["fps"]))
    except (ValueError, KeyError, OSError) as error:
        raise EmoGeneError(f"{path}: not face tracks ({error}); {_SEE}") from None
    if fps != VIDEO_FPS:
        raise EmoGeneError(f"{path}: tracks at {fps} frames/s; {VIDEO_FPS} are needed")
    points = canonicalise(pixels.astype(np.float32), (width, height), fps, offset).motion.points
    return {str(name): points[offset[i] : offset[i + 1]] for i, name in enumerate(names)}


def _track(video: Path, landmarker: Path) -> np.ndarray:
    from emogene.avatar.capture.tracks import track
    from emogene.avatar.capture.video import read_frames

    fps, size = _rate(video), (0, 0)

    def frames() -> Iterator[np.ndarray]:
        nonlocal size
        for frame in read_frames(video):
            size = frame.shape[1], frame.shape[0]
            yield frame

    try:
        pixels = track(frames(), landmarker)
    except EmoGeneError as error:
        raise EmoGeneError(f"{video}: {error}") from None
    motion = canonicalise(pixels.astype(np.float32), size, fps).motion
    return motion.resample(VIDEO_FPS, frame_count(Fraction(len(motion)) / fps, VIDEO_FPS)).points


def _rate(video: Path) -> Fraction:
    """Frames a second."""
    try:
        with av.open(str(video)) as container:
            rate = container.streams.video[0].average_rate if container.streams.video else None
    except (av.error.FFmpegError, OSError) as error:
        raise EmoGeneError(f"{video}: cannot be read as a video ({error.strerror or error})") from None
    if not rate:
        raise EmoGeneError(f"{video}: has no pictures; give a video of the speaker's face")
    return rate
