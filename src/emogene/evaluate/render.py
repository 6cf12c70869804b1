"""How well an avatar is rendered: held-out frames, emotion as a face tracker sees it, and flicker."""

from collections.abc import Iterable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from emogene.avatar import Avatar
from emogene.avatar.capture.dataset import CaptureConfig, TrainingSet, capture
from emogene.avatar.capture.layers import face_region, part_region
from emogene.avatar.capture.mediapipe import face_landmarker, image
from emogene.avatar.capture.tracks import stored_tracks
from emogene.errors import EmoGeneError
from emogene.face.landmarks import EYES, MOUTH
from emogene.face.pose import HeadPose
from emogene.progress import Progress, over, silent

GREY = 128
EMOTIONS = ("happy", "sad", "angry", "fearful", "disgust", "surprised")
SHOWN_BY = {
    "happy": ("mouthSmileLeft", "mouthSmileRight"),
    "surprised": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "angry": ("browDownLeft", "browDownRight"),
}


def evaluate(
    folder: str | Path,
    avatar: str | Path = "default",
    progress: Progress = silent,
) -> dict[str, Any]:
    """PSNR by region and flicker on the clips held out from ``avatar``'s training, and its emotions.

    ``folder`` holds ``grid_s1/video``, ``grid_s1/tracks.npz`` and ``models/face_landmarker.task``. Raises
    EmoGeneError, one line, where it does not.
    """
    folder, person = Path(folder), Avatar.open(avatar)
    if not isinstance(person, Avatar):
        raise EmoGeneError(f"{person.name} was imported; there are no clips held out from its training")
    clips = person.training.get("held_out", [])
    videos = [folder / "grid_s1" / "video" / f"{clip}.mpg" for clip in clips]
    if not clips:
        raise EmoGeneError(f"{person.name}: its file names no clips held out from training")
    tracks, landmarker = folder / "grid_s1" / "tracks.npz", folder / "models" / "face_landmarker.task"
    missing = [path for path in (*videos, tracks, landmarker) if not path.is_file()]
    if missing:
        raise EmoGeneError(
            f"{folder}: lacks {missing[0].relative_to(folder)}; docs/evaluate.md says what it holds"
        )
    stored = stored_tracks(tracks)
    sparse = capture(videos, stored, CaptureConfig(stride=6), progress)
    whole = capture(videos[:1], stored, CaptureConfig(stride=1))
    return {
        "psnr": psnr(person, sparse, progress=progress),
        "flicker": flicker(person, whole, progress),
        "emotion": emotion(person, landmarker, progress=progress),
    }


def psnr(
    avatar: Avatar,
    data: TrainingSet,
    rows: Iterable[int] | None = None,
    progress: Progress = silent,
) -> dict[str, float]:
    """dB by region, at the fields' own size, over grey; the person's captured frames are the truth."""
    rows = list(range(len(data.colour)) if rows is None else rows)
    errors: dict[str, list[float]] = {}
    for row, picture in zip(
        over(rows, "held-out frames", progress), rendered(avatar, data, rows), strict=True
    ):
        error = ((picture.astype(np.float32) - truth(data, row)) / 255) ** 2
        for name, region in _regions(data, row).items():
            errors.setdefault(name, []).append(float(error[region].mean()))
    return {name: round(-10 * float(np.log10(np.mean(values))), 2) for name, values in errors.items()}


def rendered(avatar: Avatar, data: TrainingSet, rows: Iterable[int]) -> Iterator[np.ndarray]:
    """The frames of ``data`` as the avatar shows them, uint8 ``[S, S, 3]`` over grey."""
    rows = list(rows)
    size = data.colour.shape[1]
    renderer = avatar.renderer(size, np.full((size, size, 3), GREY, np.uint8), threads=1)
    pose = HeadPose(data.rotation[rows], data.translation[rows])
    return renderer.posed(data.points[rows], pose, data.gaze[rows])


def truth(data: TrainingSet, row: int) -> np.ndarray:
    """The captured frame over grey, float32 ``[S, S, 3]`` in 0..255."""
    alpha = data.alpha[row][..., None].astype(np.float32) / 255
    return data.colour[row] * alpha + GREY * (1 - alpha)


def flicker(avatar: Avatar, data: TrainingSet, progress: Progress = silent) -> dict[str, float]:
    """Mean absolute second difference over time, in 8-bit levels, of a clip whose every frame was captured.

    ``rendered`` and ``video`` should be alike; ``worst`` is the rendered frame that jumps most.
    """
    pictures = rendered(avatar, data, range(len(data.colour)))
    shown = np.stack([next(pictures) for _ in over(range(len(data.colour)), "flicker", progress)]).astype(
        np.float32
    )
    real = np.stack([truth(data, row) for row in range(len(data.colour))])
    change, natural = (np.abs(np.diff(x, 2, axis=0)).mean((1, 2, 3)) for x in (shown, real))
    figures = {"rendered": change.mean(), "worst": change.max(), "video": natural.mean()}
    return {name: round(float(value), 3) for name, value in figures.items()}


def emotion(
    avatar: Avatar,
    model: Path,
    every: int = 5,
    progress: Progress = silent,
) -> dict[str, dict[str, float]]:
    """Mean MediaPipe blendshapes of the demo clip's mixed faces minus those of the lip-synced faces alone."""
    from emogene.pipeline import EmoGene

    engine = EmoGene.from_pretrained()
    figures = {}
    with as_file(files("emogene") / "assets" / "demo.ogg") as clip:
        for label in over(EMOTIONS, "emotions", progress):
            result = engine(clip, avatar=avatar, emotion=label)
            told = result.performance[::every]
            shown = told, told.without_emotion()
            mixed, lips = (blendshapes(avatar.renderer(512).frames([p]), model) for p in shown)
            names = SHOWN_BY.get(label) or _most_changed(mixed, lips)
            figures[label] = {name: round(mixed[name] - lips[name], 3) for name in names}
    return figures


def blendshapes(pictures: Iterable[np.ndarray], model: Path) -> dict[str, float]:
    """Mean score of each of MediaPipe's blendshapes over ``pictures`` (uint8 ``[H, W, 3]``)."""
    scores: dict[str, list[float]] = {}
    with face_landmarker(model, blendshapes=True) as landmarker:
        for picture in pictures:
            for shape in next(iter(landmarker.detect(image(picture)).face_blendshapes), []):
                scores.setdefault(shape.category_name, []).append(shape.score)
    return {name: float(np.mean(values)) for name, values in scores.items()}


def _most_changed(mixed: dict[str, float], lips: dict[str, float], count: int = 3) -> list[str]:
    return sorted(mixed, key=lambda name: -abs(mixed[name] - lips[name]))[:count]


def _regions(data: TrainingSet, row: int) -> dict[str, np.ndarray]:
    size, points = data.colour.shape[1], data.pixels[row]
    share = data.alpha[row].astype(int) * data.head[row]
    return {
        "face": face_region(points, size),
        "mouth": part_region(points, MOUTH, size),
        "eyes": part_region(points, EYES, size),
        "head": share > 255 * 255 // 2,
    }
