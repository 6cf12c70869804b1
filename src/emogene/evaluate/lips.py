"""How well the lips follow the voice: predicted against tracked landmarks.

The folder holds sounds and tracked faces: ``audio/CLIP.*`` and ``tracks.npz``, MediaPipe landmarks of the
clips' video at 25 frames/s: ``clip [C]`` names, ``offset [C + 1]`` the rows where they begin, ``fps``,
``image_size [2]``, and ``landmarks_delta [T, P, 3]``, differences over time of 64ths of pixels, P >= 68, the
68 points first. Or it holds videos, directly or in ``video/``, and MediaPipe's ``face_landmarker.task``: they
are tracked now (extra ``avatar``). Where closures are to be judged, also ``alignments.tsv``: clip, start, end
(1/25000 s), word.
"""

import csv
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emogene.audio import Speech, SpeechEncoder, analyse, load_audio
from emogene.audio2motion import Audio2Motion
from emogene.clock import VIDEO_FPS
from emogene.errors import EmoGeneError
from emogene.evaluate.faces import recordings, tracked
from emogene.face.landmarks import MOUTH, mouth_openness
from emogene.progress import Progress, over, silent

LAGS = range(-5, 6)
TICKS = 25_000  # of the alignments, a second
SILENCE = ("sil", "sp")
LIP_SOUNDS = tuple("bpmvf")
CLOSED = 0.1  # of the way from the lips at rest to wide open (95th percentile)
NEAR = 1  # frames that a closure may be off
BEFORE, AFTER = 0.1, 0.06  # seconds around the start of a word in which its first sound closes the lips


@dataclass(frozen=True)
class Clip:
    """One clip: what was tracked and what was predicted, ``[T, 68, 3]`` each, and its words (start, end,
    word) in seconds."""

    name: str
    true: np.ndarray
    found: np.ndarray
    words: list[tuple[float, float, str]]


Listen = Callable[[Path], Speech]
"""What is heard of a sound file."""


def evaluate(
    folder: Path,
    model: Audio2Motion | None = None,
    everything: bool = False,
    limit: int | None = None,
    listen: Listen | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Figures on the clips of ``folder`` that the model has not learnt from (or on ``everything``).

    ``openness_correlation``: Pearson, mean over clips (``_worst``: the least). ``mouth_r2``: share of the
    variance of the 20 lip points explained, per clip about its mean; ``mouth_r2_from_rest``: the same with
    no offset allowed, both measured from rest. ``lag_frames``: by how many frames the prediction is late
    against the tracks (median of the best of -5..5). ``closure_recall``: closures of the words that begin
    with b, p, m, v, f which the prediction closes too, within one frame; ``closure_precision``: predicted
    closures within speech that are true. ``openness_ratio``: predicted over true standard deviation.
    """
    clips = predict(folder, model or Audio2Motion.from_embedded(), everything, limit, listen, progress)
    rows = [motion_figures(clip) for clip in clips]
    figures: dict[str, Any] = {"clips": len(clips)}
    correlations = [row["correlation"] for row in rows]
    figures["openness_correlation"] = _mean(correlations)
    figures["openness_correlation_worst"] = round(float(np.min(correlations)), 3)
    figures["openness_ratio"] = _mean([row["ratio"] for row in rows])
    figures["mouth_r2"] = _mean([row["r2"] for row in rows])
    figures["mouth_r2_from_rest"] = _mean([row["r2_from_rest"] for row in rows])
    figures["lag_frames"] = float(np.median([row["lag"] for row in rows]))
    return figures | closure_figures(clips)


def predict(
    folder: Path,
    model: Audio2Motion,
    everything: bool = False,
    limit: int | None = None,
    listen: Listen | None = None,
    progress: Progress = silent,
) -> list[Clip]:
    """Every clip that has sound and a track, predicted; those learnt from are left out."""
    there, words = recordings(folder), _words(folder / "alignments.tsv")
    learnt = set() if everything else set(model.learnt_from)
    new = [clip for clip in there if f"{zlib.crc32(clip.sound.read_bytes()):08x}" not in learnt]
    if not new:
        raise EmoGeneError(f"{folder}: the model has learnt from all of its {len(there)} clips")
    faces = tracked(folder, new[:limit], progress)
    both = [clip for clip in new if clip.name in faces][:limit]
    if not both:
        raise EmoGeneError(f"{folder}: no sound in audio/ has the name of a clip in tracks.npz")
    hear = listen or _with_embedded_encoder()
    clips = []
    for clip in over(both, "lips", progress):
        true = faces[clip.name]
        found = model(hear(clip.sound), resting(true)).points
        held = found[np.minimum(np.arange(len(true)), len(found) - 1)]
        clips.append(Clip(clip.name, true, held, words.get(clip.name, [])))
    return clips


def _with_embedded_encoder() -> Listen:
    encoder = SpeechEncoder.from_embedded()
    return lambda path: analyse(load_audio(path), encoder)


def resting(points: np.ndarray) -> np.ndarray:
    """``[68, 3]``: the mean of the tenth of the frames whose lips are closest together."""
    openness = mouth_openness(points)
    return points[openness <= np.quantile(openness, 0.1)].mean(0)


def _words(path: Path) -> dict[str, list[tuple[float, float, str]]]:
    words: dict[str, list[tuple[float, float, str]]] = {}
    if not path.is_file():
        return words
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                times = int(row["start"]) / TICKS, int(row["end"]) / TICKS
                words.setdefault(row["clip"], []).append((*times, row["word"]))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise EmoGeneError(f"{path}: not word alignments: clip, start, end, word ({error})") from None
    return words


def motion_figures(clip: Clip) -> dict[str, float]:
    """Figures of one clip, as :func:`evaluate` names them."""
    true, found = mouth_openness(clip.true), mouth_openness(clip.found)
    lips, guess = clip.true[:, MOUTH], clip.found[:, MOUTH]
    spread = np.square(lips - lips.mean(0)).sum()
    error = guess - lips
    return {
        "correlation": _correlation(found, true),
        "ratio": float(found.std() / true.std()),
        "r2": 1 - float(np.square(error - error.mean(0)).sum() / spread),
        "r2_from_rest": 1 - float(np.square(error).sum() / spread),
        "lag": float(LAGS[int(np.argmax([_correlation(*_shifted(found, true, lag)) for lag in LAGS]))]),
    }


def _shifted(found: np.ndarray, true: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """The two where they overlap, if ``found`` comes ``lag`` frames late."""
    frames = len(true)
    return found[max(lag, 0) : frames + min(lag, 0)], true[max(-lag, 0) : frames - max(lag, 0)]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if min(a.std(), b.std()) < 1e-6:  # decimetres: nothing moves
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def closure_figures(clips: list[Clip]) -> dict[str, float]:
    """Recall and precision of lip closures, one threshold for all; empty without words."""
    spoken = [clip for clip in clips if clip.words]
    if not spoken:
        return {}
    openness = np.concatenate([mouth_openness(clip.true) for clip in spoken])
    rest, wide = np.quantile(openness, (0.1, 0.95))
    threshold = rest + CLOSED * (wide - rest)
    hits, right = [], []
    for clip in spoken:
        true, found = (mouth_openness(points) < threshold for points in (clip.true, clip.found))
        for begin, _, word in clip.words:
            window = _frames(begin - BEFORE, begin + AFTER, len(true))
            if word.lower().startswith(LIP_SOUNDS) and true[window].any():
                hits.append(found[window][_near(true[window])].any())
        talk = [word for word in clip.words if word[2] not in SILENCE]
        during = _frames(talk[0][0], talk[-1][1], len(true)) if talk else slice(0)
        right += _near(true)[during][found[during]].tolist()
    return {"closures": len(hits), "closure_recall": _mean(hits), "closure_precision": _mean(right)}


def _frames(begin: float, end: float, count: int) -> slice:
    fps = float(VIDEO_FPS)
    return slice(max(0, round(begin * fps)), min(count, round(end * fps) + 1))


def _near(marked: np.ndarray) -> np.ndarray:
    """Also the frames beside the marked ones."""
    return np.convolve(marked, np.ones(2 * NEAR + 1), "same") > 0


def _mean(values: list) -> float:
    return round(float(np.mean(values)), 3) if values else float("nan")
