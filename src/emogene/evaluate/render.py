"""How an avatar is rendered: against frames that training never saw, and by what others see in its faces."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emogene.avatar import Avatar
from emogene.avatar.capture.dataset import CaptureConfig, TrainingSet, capture
from emogene.avatar.capture.layers import face_region, part_region
from emogene.avatar.capture.tracks import track
from emogene.avatar.capture.video import LUMA, read_frames
from emogene.avatar.torso_motion import MOVES, POSE
from emogene.avatar.train.head import HeadSamples
from emogene.avatar.train.torso import below_head, register, torso_picture
from emogene.errors import EmoGeneError
from emogene.evaluate.faces_seen import seen
from emogene.face.landmarks import EYES, MOUTH
from emogene.face.pose import HeadPose
from emogene.motion2video.splats.rasteriser import Rasteriser
from emogene.motion2video.splats.view import View
from emogene.progress import Progress, over, silent

GREY = 128
EVERY = 5
"""Every how manieth row counts: neighbouring frames are alike."""
VOICES = (
    "ravdess/03-01-01-01-01-01-03.opus",
    "ravdess/03-01-05-01-02-01-08.opus",
    "ravdess/03-01-03-02-02-02-16.opus",
)
"""Beside the demo clip: a man, neutral; a woman, angry; a woman, happy; two sentences."""


def evaluate(
    folder: str | Path,
    avatar: str | Path = "default",
    progress: Progress = silent,
) -> dict[str, Any]:
    """:func:`fidelity` on the clips held out from ``avatar``'s training, and what a judge and a tracker see
    in its emotions (:func:`emogene.evaluate.faces_seen.seen`).

    ``folder`` holds ``grid_s1/video``, :data:`VOICES` and ``models/face_landmarker.task``. All clips are
    captured, since they share one space and one white balance. Raises EmoGeneError, one line, where something
    is missing.
    """
    folder, person = Path(folder), Avatar.open(avatar)
    if not isinstance(person, Avatar):
        raise EmoGeneError(f"{person.name} was imported; there are no clips held out from its training")
    clips, held_out = person.training.get("clips", []), person.training.get("held_out", [])
    if not held_out:
        raise EmoGeneError(f"{person.name}: its file names no clips held out from training")
    videos = [folder / "grid_s1" / "video" / f"{clip}.mpg" for clip in clips]
    landmarker, voices = folder / "models" / "face_landmarker.task", [folder / voice for voice in VOICES]
    missing = [path for path in (*videos, *voices, landmarker) if not path.is_file()]
    if missing:
        raise EmoGeneError(
            f"{folder}: lacks {missing[0].relative_to(folder)}; docs/evaluate.md says what it holds"
        )
    figures = seen(person, voices, landmarker, progress=progress)
    tracks = {
        video.stem: track(read_frames(video), landmarker) for video in over(videos, "tracking", progress)
    }
    config = CaptureConfig(**person.training.get("capture", {}))
    data = capture(videos, tracks, config, progress)
    rows = np.flatnonzero(np.isin(data.clip, [clips.index(clip) for clip in held_out]))
    return fidelity(person, data, rows, progress) | figures


def fidelity(
    avatar: Avatar, data: TrainingSet, rows: Sequence[int] | np.ndarray, progress: Progress = silent
) -> dict[str, Any]:
    """PSNR by region at the training size (the head's layer alone, and the whole person), gradient energy at
    the fine size as a share of the real picture's, and flicker beside the video's."""
    measurements = {
        "psnr": lambda: psnr(avatar, data, rows[::EVERY]),
        "psnr_fine": lambda: psnr(avatar, data, rows, fine=True),
        "gradient_energy": lambda: gradient_energy(avatar, data, rows),
        "psnr_whole": lambda: psnr_whole(avatar, data, rows[::EVERY]),
        "psnr_torso_in_place": lambda: psnr_torso(avatar, data, rows[::EVERY]),
        "flicker": lambda: flicker(avatar, data, rows),
    }
    return {name: measurements[name]() for name in over(list(measurements), "held-out frames", progress)}


def psnr(avatar: Avatar, data: TrainingSet, rows: Iterable[int], fine: bool = False) -> dict[str, float]:
    """dB by region of the head's layer alone over grey."""
    samples = HeadSamples(data, np.asarray(rows), avatar.basis, fine=fine)
    errors: dict[str, list[float]] = {}
    for row in samples.rows:
        shown, real = _head_pictures(avatar, samples, int(row))
        error = (shown - real) ** 2
        for name, region in regions(data, int(row), samples.size).items():
            errors.setdefault(name, []).append(float(error[region].mean()))
    return _decibels(errors)


def gradient_energy(avatar: Avatar, data: TrainingSet, rows: Iterable[int]) -> dict[str, float]:
    """Squared steps of luma between neighbouring pixels at the fine size, over those of the real frame."""
    samples = HeadSamples(data, np.asarray(rows), avatar.basis, fine=True)
    sums: dict[str, np.ndarray] = {}
    for row in samples.rows:
        pictures = _head_pictures(avatar, samples, int(row))
        energies = [_energy(picture) for picture in pictures]
        for name, region in regions(data, int(row), samples.size).items():
            inner = region[:-1, :-1]
            sums[name] = sums.get(name, np.zeros(2)) + [e[inner].mean() for e in energies]
    return {name: round(float(shown / real), 3) for name, (shown, real) in sums.items()}


def psnr_whole(avatar: Avatar, data: TrainingSet, rows: Iterable[int]) -> dict[str, float]:
    """dB of head over torso over grey, in the head's regions and the torso's; moved by the pose alone."""
    errors: dict[str, list[float]] = {}
    for row, picture in zip(rows, whole(avatar, data, rows), strict=True):
        error = ((picture.astype(np.float32) - truth(data, row)) / 255) ** 2
        torso = (data.alpha[row] > 128) & (data.head[row] < 8)
        for name, region in {**regions(data, row, len(picture)), "torso": torso}.items():
            errors.setdefault(name, []).append(float(error[region].mean()))
    return _decibels(errors)


def psnr_torso(avatar: Avatar, data: TrainingSet, rows: Sequence[int] | np.ndarray) -> float:
    """dB where the torso is, if it is where it was: the head's pose does not tell how the person sat down."""
    rows, size = np.asarray(rows), data.colour.shape[1]
    rasteriser, view = Rasteriser(size, size), View.fixed(data.camera)
    rest = rasteriser.layers((avatar.torso.at(np.zeros(MOVES + POSE)), view))
    drawn = np.concatenate([rest[:3] / np.maximum(1 - rest[3], 1e-3), 1 - rest[3:]]).clip(0, 1) * 255
    drawn = np.moveaxis(drawn, 0, -1)
    typical = data.head[rows[len(rows) // 2]]
    moves, _ = register(data, rows, torso_picture(drawn[..., :3], drawn[..., 3]), below_head(typical))
    pose = avatar.torso_motion.scale(data.rotation[rows], data.translation[rows])
    errors = []
    for row, condition in zip(rows, np.concatenate([moves, pose], 1), strict=True):
        out = rasteriser.layers((avatar.torso.at(condition), view))
        shown = (out[:3] * 255 + out[3] * GREY).clip(0, 255).transpose(1, 2, 0)
        region = (data.alpha[row] > 128) & (data.head[row] < 8)
        errors.append(float((((shown - truth(data, row)) / 255) ** 2)[region].mean()))
    return _decibels({"torso": errors})["torso"]


def flicker(avatar: Avatar, data: TrainingSet, rows: Sequence[int] | np.ndarray) -> dict[str, float]:
    """Mean absolute second difference over time, 8-bit levels, in the head's layer of each clip.

    Of the frames that the training set has, drawn and real; ``worst`` is the drawn frame that jumps most.
    """
    samples = HeadSamples(data, np.asarray(rows), avatar.basis)
    shown, real = [], []
    for clip in np.unique(data.clip[rows]):
        here = [int(row) for row in rows if data.clip[row] == clip]
        pictures = [_head_pictures(avatar, samples, row) for row in here]
        for kept, which in ((shown, 0), (real, 1)):
            change = np.abs(np.diff(np.stack([pair[which] for pair in pictures]), 2, axis=0))
            kept.append(255 * change.mean((1, 2, 3)))
    drawn, natural = np.concatenate(shown), np.concatenate(real)
    values = {"drawn": drawn.mean(), "worst": drawn.max(), "video": natural.mean()}
    return {name: round(float(value), 3) for name, value in values.items()}


def whole(avatar: Avatar, data: TrainingSet, rows: Iterable[int]) -> Iterator[np.ndarray]:
    """Head over torso over grey, uint8 ``[S, S, 3]``, in the poses of the ``rows``."""
    rows, size = np.asarray(rows), data.colour.shape[1]
    portrait = avatar.portrait(size, np.full((size, size, 3), GREY, np.uint8))
    pose = HeadPose(data.rotation[rows], data.translation[rows])
    return portrait.pictures(avatar.moments(data.points[rows], pose, data.gaze[rows]), threads=1)


def truth(data: TrainingSet, row: int) -> np.ndarray:
    """The captured frame over grey, float32 ``[S, S, 3]`` in 0..255."""
    alpha = data.alpha[row][..., None].astype(np.float32) / 255
    return data.colour[row] * alpha + GREY * (1 - alpha)


def regions(data: TrainingSet, row: int, size: int) -> dict[str, np.ndarray]:
    """The face, mouth, eyes and head (with hair) of a frame, bool ``[size, size]``."""
    own = data.colour.shape[1]
    points = data.pixels[row] * (size / own)
    share = data.alpha[row].astype(int) * data.head[row] > 255 * 255 // 2
    return {
        "face": face_region(points, size),
        "mouth": part_region(points, MOUTH, size),
        "eyes": part_region(points, EYES, size),
        "head": share.repeat(size // own, 0).repeat(size // own, 1),
    }


def _head_pictures(avatar: Avatar, samples: HeadSamples, row: int) -> tuple[np.ndarray, np.ndarray]:
    """The head's layer over grey as it is drawn and as it was, ``[S, S, 3]`` in 0..1."""
    sample = samples[row]
    rasteriser = Rasteriser(samples.size, samples.size)
    out = rasteriser.layers((avatar.head.at(sample.condition), sample.view))
    grey = np.float32(GREY / 255)
    shown = (out[:3] + out[3] * grey).clip(0, 1).transpose(1, 2, 0)
    share = sample.share[..., None].astype(np.float32) / 255
    return shown, sample.colour.astype(np.float32) / 255 * share + grey * (1 - share)


def _energy(picture: np.ndarray) -> np.ndarray:
    """Squared luma gradient ``[H - 1, W - 1]`` of ``[H, W, 3]``."""
    luma = picture @ LUMA
    return (luma[:-1, 1:] - luma[:-1, :-1]) ** 2 + (luma[1:, :-1] - luma[:-1, :-1]) ** 2


def _decibels(errors: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(-10 * float(np.log10(np.mean(values))), 2) for name, values in errors.items()}
