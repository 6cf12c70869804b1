"""Does the mixture keep the lips in sync and the emotion on the face? Ours beside the reference's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emogene.errors import EmoGeneError
from emogene.face.landmarks import BROWS, EYES, MOUTH_CORNERS, Landmarks, mouth_openness
from emogene.mixture import mixture_named
from emogene.mixture.calibration import Calibration
from emogene.progress import Progress, over, silent

REGIONS: dict[str, slice | list[int]] = {"brows": BROWS, "eyes": EYES, "corners": list(MOUTH_CORNERS)}
SPEAKING = 0.01  # freedom of the mouth below which somebody speaks
CLOSED = 0.15  # a closure: openness below this share of the avatar's range
MAX_LAG = 5  # frames, searched on both sides
SOUNDS = {".wav", ".opus", ".ogg", ".mp3", ".m4a", ".flac", ".webm", ".mp4"}
# RAVDESS file names say the emotion in their third field.
_RAVDESS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


@dataclass(frozen=True)
class ClipFigures:
    """One clip. Openness is the distance of points 62 and 66; closures are frames with lips nearly shut.

    ``asked`` and ``got`` by region: the emotion's mean displacement squared, and the shown displacement's
    component along it, in square decimetres; motion and jitter: mean first and second differences
    of all points, in decimetres per frame, and per frame squared.
    """

    correlation: float
    lag: int
    closures: int
    closures_kept: int
    asked: dict[str, float]
    got: dict[str, float]
    motion_lips: float
    motion_mixed: float
    jitter_lips: float
    jitter_mixed: float


def compare(
    lips: Landmarks,
    emotion: Landmarks,
    content: Landmarks,
    mixed: Landmarks,
    avatar: Calibration,
    free: np.ndarray | None = None,
) -> ClipFigures:
    """The figures of one clip from the mixture's inputs and its result. ``free [T]``: where the mouth is the
    emotion's, since nobody speaks; there the lips are not judged (nowhere, if None)."""
    spoken, shown = mouth_openness(lips.points), mouth_openness(mixed.points)
    threshold = avatar.shut + CLOSED * avatar.range
    judged = np.ones(len(spoken), bool) if free is None else free < SPEAKING
    closed = judged & (spoken < threshold)
    asked = (emotion.points - content.points).mean(0).astype(np.float64)
    added = (mixed.points - lips.points).mean(0)
    return ClipFigures(
        correlation=_correlation(spoken[judged], shown[judged]),
        lag=lag(spoken[judged], shown[judged]),
        closures=int(closed.sum()),
        closures_kept=int((shown[closed] < threshold).sum()),
        asked={name: float((asked[points] ** 2).sum()) for name, points in REGIONS.items()},
        got={name: float((asked[points] * added[points]).sum()) for name, points in REGIONS.items()},
        motion_lips=difference(lips.points, 1),
        motion_mixed=difference(mixed.points, 1),
        jitter_lips=difference(lips.points, 2),
        jitter_mixed=difference(mixed.points, 2),
    )


def lag(first: np.ndarray, second: np.ndarray) -> int:
    """By how many frames ``second [T]`` follows ``first [T]``: where their correlation is greatest."""
    shifts = sorted(range(-MAX_LAG, MAX_LAG + 1), key=abs)
    frames = np.arange(MAX_LAG, len(first) - MAX_LAG)
    if len(frames) < 3:
        return 0
    return max(shifts, key=lambda shift: _correlation(first[frames], second[frames + shift]))


def difference(points: np.ndarray, order: int) -> float:
    """Mean length of the ``order``-th difference over all frames and points ``[T, 68, 3]``."""
    return (
        float(np.linalg.norm(np.diff(points, order, axis=0), axis=-1).mean()) if len(points) > order else 0.0
    )


def summary(figures: Sequence[ClipFigures]) -> dict[str, Any]:
    """Figures over clips: ``openness_correlation`` of mixed and lips (mean, ``_worst``); mean ``lag_frames``;
    ``closures`` of the lips in frames and the share ``closures_kept``; ``emotion_kept``: by region, the share
    of the emotion's displacement that is shown; ``motion_ratio`` and ``jitter_ratio``: mixed over lips (a face
    that moves more, but no rougher, has a jitter ratio below its motion ratio). Shares are of all clips' sums.
    """
    correlations = [figure.correlation for figure in figures]
    lags = [figure.lag for figure in figures]
    moves = [figure.motion_mixed / max(figure.motion_lips, 1e-9) for figure in figures]
    ratios = [figure.jitter_mixed / max(figure.jitter_lips, 1e-9) for figure in figures]
    return {
        "clips": len(figures),
        "openness_correlation": float(np.mean(correlations)),
        "openness_correlation_worst": float(np.min(correlations)),
        "lag_frames": float(np.mean(lags)),
        "clips_without_lag": float(np.mean(np.array(lags) == 0)),
        "closures": sum(figure.closures for figure in figures),
        "closures_kept": _share(figures, "closures_kept", "closures"),
        "emotion_kept": {
            region: _ratio(sum(f.got[region] for f in figures), sum(f.asked[region] for f in figures))
            for region in REGIONS
        },
        "motion_ratio": float(np.mean(moves)),
        "jitter_ratio": float(np.mean(ratios)),
        "jitter_ratio_worst": float(np.max(ratios)),
    }


def evaluate(
    folder: str | Path,
    sample: int | None = 140,
    emotion: str | None = None,
    avatar: str | Path = "default",
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Stages 1 to 3 on the recordings of ``folder``: figures of both mixtures, over all clips and by emotion.

    ``sample``: how many recordings, as many of each emotion (None: all); ``emotion``: what to show (None:
    what a RAVDESS file name says, else heard from the voice); ``avatar``: whose face.
    """
    recordings = choose(sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in SOUNDS), sample)
    if not recordings:
        raise EmoGeneError(f"{folder} holds no recordings ({', '.join(sorted(SOUNDS))})")
    found: dict[str, list[tuple[str, ClipFigures]]] = {"default": [], "reference": []}
    for mode, label, figures in _measure(over(recordings, "recordings", progress), emotion, avatar, seed):
        found[mode].append((label, figures))
    result: dict[str, Any] = {}
    for mode, pairs in found.items():
        labels = sorted({label for label, _ in pairs})
        result[mode] = summary([figures for _, figures in pairs])
        result[mode]["by_emotion"] = {
            label: summary([figures for other, figures in pairs if other == label]) for label in labels
        }
    return result


def choose(recordings: Sequence[Path], sample: int | None) -> list[Path]:
    """About ``sample`` recordings, evenly over seven emotions (neutral and calm as one) and their files."""
    if sample is None or sample >= len(recordings):
        return list(recordings)
    groups: dict[str, list[Path]] = {}
    for path in recordings:
        label = named_emotion(path) or "unknown"
        groups.setdefault("neutral" if label == "calm" else label, []).append(path)
    each = -(-sample // len(groups))
    return [
        files[i]
        for files in groups.values()
        for i in np.unique(np.linspace(0, len(files) - 1, each, dtype=int))
    ]


def named_emotion(path: Path) -> str | None:
    """The emotion in a RAVDESS file name (``03-01-05-...`` is angry), if it is one."""
    fields = path.stem.split("-")
    if len(fields) == 7 and all(len(f) == 2 and f.isdecimal() for f in fields) and 1 <= int(fields[2]) <= 8:
        return _RAVDESS[int(fields[2]) - 1]
    return None


def _measure(
    recordings: Iterable[Path], emotion: str | None, avatar: str | Path, seed: int
) -> Iterator[tuple[str, str, ClipFigures]]:
    """(mode, emotion, figures) of every recording in both modes."""
    from emogene.audio import SpeechEncoder, analyse, load_audio
    from emogene.audio2motion import Audio2Motion
    from emogene.avatar import Avatar
    from emogene.emotalk import EmoTalk, parse

    audio2motion, emotalk = Audio2Motion.from_embedded(), EmoTalk.from_embedded()
    encoder, person = SpeechEncoder.from_embedded(), Avatar.open(avatar)
    rig, space = person.rig, person.space
    calibration = Calibration.of(space)
    for path in recordings:
        speech = analyse(load_audio(path), encoder)
        label = emotion or named_emotion(path) or "auto"
        lips = audio2motion(speech, space.neutral, seed=seed).points
        felt = emotalk(speech, parse(label), seed=seed)
        unfelt = felt.without_emotion()
        for mode in ("default", "reference"):
            mixed, words = (
                mixture_named(mode).stream(rig, space).push(lips, each, speech) for each in (felt, unfelt)
            )
            assert mixed is not None and words is not None
            figures = compare(
                lips=Landmarks.of(lips),
                emotion=Landmarks.of(mixed.emotion),
                content=Landmarks.of(words.emotion),
                mixed=Landmarks.of(mixed.mixed),
                avatar=calibration,
                free=mixed.free,
            )
            yield mode, label, figures


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; 1 where ``a`` does not move at all."""
    if len(a) < 2 or np.ptp(a) < 1e-9:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(b) > 1e-9 else 0.0


def _share(figures: Sequence[ClipFigures], part: str, whole: str) -> float | None:
    return _ratio(sum(getattr(f, part) for f in figures), sum(getattr(f, whole) for f in figures))


def _ratio(part: float, whole: float) -> float | None:
    """None where there is nothing to have a part of."""
    return float(part / whole) if whole > 1e-12 else None
