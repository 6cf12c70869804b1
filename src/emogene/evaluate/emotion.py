"""How well the emotion branch hears: emotion and facial action of recordings in the RAVDESS layout."""

import csv
import re
from pathlib import Path

import numpy as np

from emogene.audio import analyse, load_audio
from emogene.emotalk.emotion import HEARD
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.model import EmoTalk
from emogene.errors import EmoGeneError

# modality-channel-emotion-intensity-statement-repetition-actor
_NAME = re.compile(r"\d\d-\d\d-(0[1-8])-(0[12])-\d\d-\d\d-(\d\d)")
SHOWN_UNITS = ("AU12", "AU06", "AU10", "AU04")


def evaluate(folder: str | Path, limit: int | None = None, progress=iter) -> dict:
    """Figures of the embedded emotion branch on the recordings in ``folder``.

    Files are named as in RAVDESS (03-01-EE-II-SS-RR-AA, any sound format); ``action_units.csv`` beside them
    (OpenFace averages of the video of the same take, columns ``AU12_r`` ... ``name``) is optional. ``limit``
    takes that many clips evenly; ``progress`` wraps the list of files. Returns plain numbers: ``accuracy`` of
    eight emotions, ``accuracy_by_emotion``, ``au_r2`` by AU, which actors there are and which of them the
    weights have heard in training; ``accuracy_unheard`` is of the others alone (None without any): figures on
    heard actors are training figures. Raises EmoGeneError where no file fits.
    """
    folder = Path(folder)
    files = recordings(folder)
    if limit and limit < len(files):
        files = [files[i] for i in np.linspace(0, len(files) - 1, limit).astype(int)]
    model = EmoTalk.from_embedded()
    labels = np.array([[int(part) for part in _match(path).groups()] for path in files])
    probabilities, units = [], []
    for path in progress(files):
        heard, expected = model.hear_clip(analyse(load_audio(path)))
        probabilities.append(heard)
        units.append(expected)
    figures = _hearing(np.array(probabilities), labels, model.heard_actors)
    measured: dict[str, np.ndarray] = {}
    for table in sorted(folder.rglob("action_units.csv")):
        measured |= action_units(table)
    if measured:
        figures["au_r2"] = _unit_scores(np.array(units), labels, [path.stem[3:] for path in files], measured)
    return figures


def recordings(folder: Path) -> list[Path]:
    """The files in ``folder`` and below whose names carry RAVDESS labels."""
    if not folder.is_dir():
        raise EmoGeneError(f"{folder}: no such folder")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _NAME.fullmatch(path.stem))
    if not files:
        raise EmoGeneError(f"{folder}: no recording named as in RAVDESS (03-01-05-01-01-01-12.wav)")
    return files


def action_units(table: Path) -> dict[str, np.ndarray]:
    """``[17]`` mean intensities by take (the name without its modality) from an ``action_units.csv``."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    try:
        return {row["name"][3:]: np.array([float(row[f"{unit}_r"]) for unit in ACTION_UNITS]) for row in rows}
    except (KeyError, ValueError) as error:
        raise EmoGeneError(f"{table}: cannot read the action units ({error})") from None


def _hearing(probabilities: np.ndarray, labels: np.ndarray, heard_actors: tuple[int, ...]) -> dict:
    emotion, actor = labels[:, 0] - 1, labels[:, 2]
    hit = probabilities.argmax(1) == emotion
    unheard = ~np.isin(actor, heard_actors)
    return {
        "clips": len(labels),
        "actors": sorted({int(a) for a in actor}),
        "heard_actors": sorted(heard_actors),
        "accuracy": float(hit.mean()),
        "accuracy_unheard": float(hit[unheard].mean()) if unheard.any() else None,
        "accuracy_by_emotion": {
            name: float(hit[emotion == i].mean()) for i, name in enumerate(HEARD) if (emotion == i).any()
        },
    }


def _unit_scores(
    expected: np.ndarray, labels: np.ndarray, takes: list[str], measured: dict[str, np.ndarray]
) -> dict[str, float]:
    """R2 of the clip means above each actor's neutral takes; actors without any are left out."""
    known = np.array([take in measured for take in takes])
    true = np.full_like(expected, np.nan, dtype=float)
    true[known] = [measured[take] for take in takes if take in measured]
    emotion, actor = labels[:, 0] - 1, labels[:, 2]
    for person in np.unique(actor):
        neutral = (actor == person) & (emotion == 0) & known
        true[actor == person] -= true[neutral].mean(0) if neutral.any() else np.nan
    usable = np.isfinite(true).all(1)
    scores = {}
    for unit in SHOWN_UNITS:
        i = ACTION_UNITS.index(unit)
        a, b = true[usable, i], expected[usable, i]
        if len(a) > 1 and a.var() > 0:
            scores[unit] = float(1 - np.mean((a - b) ** 2) / a.var())
    return scores


def _match(path: Path) -> re.Match:
    match = _NAME.fullmatch(path.stem)
    assert match is not None
    return match
