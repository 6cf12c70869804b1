"""How well the emotion branch hears: emotion and facial action of labelled recordings.

The folder holds recordings named as in RAVDESS, or any recordings and a ``labels.csv`` that names them.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emogene.audio import SpeechEncoder, analyse, load_audio
from emogene.emotalk.emotion import HEARD, Emotion
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.model import EmoTalk
from emogene.errors import EmoGeneError
from emogene.progress import Progress, over, silent

# modality-channel-emotion-intensity-statement-repetition-actor
_NAME = re.compile(r"\d\d-\d\d-(0[1-8])-0[12]-\d\d-\d\d-(\d\d)")
LABELS = "labels.csv"
SHOWN_UNITS = ("AU12", "AU06", "AU10", "AU04")


@dataclass(frozen=True)
class Recording:
    """``emotion``: its place in HEARD; ``actor``: RAVDESS's number, or the user's name (empty: unknown)."""

    path: Path
    emotion: int
    actor: int | str

    @property
    def take(self) -> str:
        """A RAVDESS name without its modality: what sound and video of one take have in common."""
        return self.path.stem[3:]


def evaluate(
    folder: str | Path,
    limit: int | None = None,
    progress: Progress = silent,
) -> dict:
    """Figures of the embedded emotion branch on the recordings in ``folder`` (:func:`recordings`).

    ``action_units.csv`` beside RAVDESS's files (OpenFace averages of the video of the same take, columns
    ``AU12_r`` ... ``name``) is optional. ``limit`` takes that many clips evenly. Returns plain numbers:
    ``accuracy`` of eight emotions, ``accuracy_by_emotion``, ``au_r2`` by AU, which actors there are and which
    of them the weights have heard in training; ``accuracy_unheard`` is of the others alone (None without
    any): figures on heard actors are training figures. Raises EmoGeneError where no file fits.
    """
    folder = Path(folder)
    clips = recordings(folder)
    if limit and limit < len(clips):
        clips = [clips[i] for i in np.linspace(0, len(clips) - 1, limit).astype(int)]
    model, encoder = EmoTalk.from_embedded(), SpeechEncoder.from_embedded()
    probabilities, units = [], []
    for clip in over(clips, "recordings", progress):
        heard, expected = model.hear_clip(analyse(load_audio(clip.path), encoder))
        probabilities.append(heard)
        units.append(expected)
    figures = _hearing(np.array(probabilities), clips, model.heard_actors)
    measured: dict[str, np.ndarray] = {}
    for table in sorted(folder.rglob("action_units.csv")):
        measured |= action_units(table)
    if measured:
        figures["au_r2"] = _unit_scores(np.array(units), clips, measured)
    return figures


def recordings(folder: Path) -> list[Recording]:
    """What there is to hear, with labels.

    ``labels.csv`` in ``folder`` names the files: columns file (relative to the folder), emotion (one of the
    eight, or a synonym) and, if known, actor; separated by commas, semicolons or tabs. Without it, all files
    in ``folder`` and below are taken whose names are RAVDESS's (03-01-EE-II-SS-RR-AA, any sound format).
    Raises EmoGeneError, one line, where neither is there or a line is wrong.
    """
    if not folder.is_dir():
        raise EmoGeneError(f"{folder}: no such folder")
    if (folder / LABELS).is_file():
        return _labelled(folder / LABELS)
    named = [(path, _NAME.fullmatch(path.stem)) for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [Recording(path, int(match[1]) - 1, int(match[2])) for path, match in named if match]
    if not found:
        raise EmoGeneError(
            f"{folder}: neither {LABELS} (file,emotion) nor recordings named as in RAVDESS "
            "(03-01-05-01-01-01-12.wav); docs/evaluate.md says more"
        )
    return found


def _labelled(table: Path) -> list[Recording]:
    try:
        text = table.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EmoGeneError(f"{table}: cannot be read ({error})") from None
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    rows = csv.DictReader(text.splitlines(), delimiter=separator)
    if not {"file", "emotion"} <= set(rows.fieldnames or ()):
        raise EmoGeneError(f"{table}: the first line must name the columns file,emotion and perhaps actor")
    found = [_row(row, table.parent, f"{table}:{rows.line_num}") for row in rows]
    if not found:
        raise EmoGeneError(f"{table}: names no recordings")
    return found


def _row(row: dict[str, str | None], folder: Path, place: str) -> Recording:
    path = folder / (row["file"] or "").strip()
    if not path.is_file():
        raise EmoGeneError(f"{place}: {path}: no such file")
    try:
        label = str(Emotion.parse(row["emotion"] or ""))
    except EmoGeneError:
        label = ""
    if label not in HEARD:
        raise EmoGeneError(f"{place}: '{row['emotion'] or ''}' is not one of {', '.join(HEARD)}")
    return Recording(path, HEARD.index(label), (row.get("actor") or "").strip())


def action_units(table: Path) -> dict[str, np.ndarray]:
    """``[17]`` mean intensities by take (the name without its modality) from an ``action_units.csv``."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    try:
        return {row["name"][3:]: np.array([float(row[f"{unit}_r"]) for unit in ACTION_UNITS]) for row in rows}
    except (KeyError, ValueError) as error:
        raise EmoGeneError(f"{table}: cannot read the action units ({error})") from None


def _hearing(probabilities: np.ndarray, clips: list[Recording], heard_actors: tuple[int, ...]) -> dict:
    emotion = np.array([clip.emotion for clip in clips])
    hit = probabilities.argmax(1) == emotion
    unheard = np.array([clip.actor not in heard_actors for clip in clips])
    return {
        "clips": len(clips),
        "actors": sorted({clip.actor for clip in clips if clip.actor != ""}),
        "heard_actors": sorted(heard_actors),
        "accuracy": float(hit.mean()),
        "accuracy_unheard": float(hit[unheard].mean()) if unheard.any() else None,
        "accuracy_by_emotion": {
            name: float(hit[emotion == i].mean()) for i, name in enumerate(HEARD) if (emotion == i).any()
        },
    }


def _unit_scores(
    expected: np.ndarray, clips: list[Recording], measured: dict[str, np.ndarray]
) -> dict[str, float]:
    """R2 of the clip means above each actor's neutral takes; actors without any are left out."""
    known = np.array([clip.take in measured for clip in clips])
    true = np.full_like(expected, np.nan, dtype=float)
    true[known] = [measured[clip.take] for clip in clips if clip.take in measured]
    for person in {clip.actor for clip in clips}:
        own = np.array([clip.actor == person for clip in clips])
        neutral = own & known & np.array([clip.emotion == 0 for clip in clips])
        true[own] -= true[neutral].mean(0) if neutral.any() else np.nan
    usable = np.isfinite(true).all(1)
    scores = {}
    for unit in SHOWN_UNITS:
        i = ACTION_UNITS.index(unit)
        a, b = true[usable, i], expected[usable, i]
        if len(a) > 1 and a.var() > 0:
            scores[unit] = float(1 - np.mean((a - b) ** 2) / a.var())
    return scores
