"""Which emotion the face shall show: heard from the voice, a label, a blend, or a timeline of them."""

import csv
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from emogene.errors import EmoGeneError

# The eight emotions of RAVDESS in its own order: what can be heard.
HEARD: tuple[str, ...] = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
# What can be asked for. Contempt has no voice in the training data, only a face.
LABELS: tuple[str, ...] = (*HEARD, "contempt")
AUTO = "auto"

_ALIASES = {
    "none": "neutral",
    "calmness": "calm",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "anger": "angry",
    "fear": "fearful",
    "afraid": "fearful",
    "scared": "fearful",
    "disgusted": "disgust",
    "surprise": "surprised",
    "contemptuous": "contempt",
}
MAX_INTENSITY = 2.0
COLUMNS = ("start", "end", "emotion", "intensity")
_LARGEST = 10_000_000  # bytes of a timeline
_FILE = re.compile(r".*\.[A-Za-z]\w*", re.DOTALL)  # unlike a blend, which may end in .6


@dataclass(frozen=True)
class Emotion:
    """One emotion for the whole recording.

    ``blend``: pairs of label and share, ``(("happy", 0.6), ("surprised", 0.4))``; empty means ``auto``: what
    the voice says, moment by moment. ``intensity`` 0 (neutral) to 2 (exaggerated); 1 is a clear expression.
    """

    blend: tuple[tuple[str, float], ...] = ()
    intensity: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.intensity) and 0 <= self.intensity <= MAX_INTENSITY):
            raise EmoGeneError(f"intensity must be between 0 and {MAX_INTENSITY:g}, not {self.intensity:g}")
        for label, share in self.blend:
            if label not in LABELS:
                raise EmoGeneError(f"unknown emotion {label!r}; choose {AUTO}, {', '.join(LABELS)}")
            if not (math.isfinite(share) and 0 <= share <= 1):
                raise EmoGeneError(f"the share of {label} must be between 0 and 1, not {share:g}")
        if self.blend and sum(share for _, share in self.blend) <= 0:
            raise EmoGeneError("an emotion blend needs at least one share above 0")

    @classmethod
    def parse(cls, text: str, intensity: float = 1.0) -> "Emotion":
        """From what a user writes: ``auto``, a label or a synonym of one, or ``happy=0.6,surprised=0.4``.

        Raises EmoGeneError (one line, with the labels) for anything else.
        """
        text = text.strip().lower()
        if text == AUTO:
            return cls(intensity=intensity)
        parts = [part.strip() for part in text.split(",")]
        if len(parts) == 1 and "=" not in text:
            return cls(((_label(text), 1.0),), intensity)
        shares: dict[str, float] = {}
        for part in parts:
            name, _, share = part.partition("=")
            shares[_label(name)] = shares.get(_label(name), 0.0) + _number(share, text)
        return cls(tuple(shares.items()), intensity)

    @property
    def is_auto(self) -> bool:
        """Whether the voice decides."""
        return not self.blend

    def __str__(self) -> str:
        if self.is_auto:
            return AUTO
        if len(self.blend) == 1 and self.blend[0][1] == 1:
            return self.blend[0][0]
        return ",".join(f"{label}={share:g}" for label, share in self.blend)

    def scaled(self, intensity: float) -> "Emotion":
        """The same, ``intensity`` times as strong."""
        return replace(self, intensity=self.intensity * intensity)

    def amounts(self, heard: np.ndarray, time: np.ndarray) -> np.ndarray:
        """How much of each of :data:`LABELS` to show at ``time [T]`` seconds, ``[T, 9]`` float32.

        ``heard [T, 9]``: the amounts that the voice suggests.
        """
        if self.is_auto:
            return heard * np.float32(self.intensity)
        amounts = np.zeros_like(heard)
        for label, share in self.blend:
            amounts[:, LABELS.index(label)] += share * self.intensity
        return amounts


@dataclass(frozen=True)
class Cue:
    """One line of a timeline: ``emotion`` from ``start`` to ``end`` seconds."""

    start: float
    end: float
    emotion: Emotion


@dataclass(frozen=True)
class Timeline:
    """Emotions by time; where no cue says anything, the face is neutral. A later cue wins over an earlier.

    ``name``: of its file, for messages.
    """

    cues: tuple[Cue, ...]
    name: str = "the timeline"

    @classmethod
    def read(cls, path: str | os.PathLike[str], intensity: float = 1.0) -> "Timeline":
        """From a text file (UTF-8, or UTF-16 with its byte order mark) with one cue a line: start and end in
        seconds, emotion, intensity (1 if left out).

        Fields are separated by tabs, semicolons or commas, and may be quoted; numbers may have decimal
        commas; ``#`` starts a comment. A line of column names may come first; it may order them otherwise.
        ``intensity`` scales all cues. Raises EmoGeneError naming the file and line.
        """
        path = Path(path)
        rows = list(_rows(_text(path)))
        columns: Sequence[str] = COLUMNS
        if rows and "start" in (names := [_column(field) for field in rows[0][1]]):
            columns, rows = names, rows[1:]
        cues = [
            _cue(dict(zip(columns, fields, strict=False)), intensity, f"{path}:{number}")
            for number, fields in rows
        ]
        if not cues:
            raise EmoGeneError(f"{path}: the emotion timeline is empty; write {', '.join(COLUMNS)}")
        return cls(tuple(cues), path.name)

    def __str__(self) -> str:
        return self.name

    def scaled(self, intensity: float) -> "Timeline":
        """The same, every cue ``intensity`` times as strong."""
        cues = tuple(replace(cue, emotion=cue.emotion.scaled(intensity)) for cue in self.cues)
        return replace(self, cues=cues)

    def beyond(self, duration: Fraction | float) -> list[str]:
        """One line of warning where cues start after ``duration`` seconds and show nothing; else none."""
        late = [cue for cue in self.cues if cue.start >= duration]
        if not late:
            return []
        which = f"{len(late)} of {len(self.cues)} cues start" if len(self.cues) > 1 else "its cue starts"
        return [
            f"{self.name}: {which} after the end of the sound ({float(duration):.2f} s), "
            f"the first at {min(cue.start for cue in late):g} s"
        ]

    def amounts(self, heard: np.ndarray, time: np.ndarray) -> np.ndarray:
        """As :meth:`Emotion.amounts`, each cue in its own time."""
        amounts = np.zeros_like(heard)
        for cue in self.cues:
            inside = (cue.start <= time) & (time < cue.end)
            amounts[inside] = cue.emotion.amounts(heard[inside], time[inside])
        return amounts


def parse(
    emotion: "str | os.PathLike[str] | Emotion | Timeline", intensity: float = 1.0
) -> Emotion | Timeline:
    """What ``--emotion`` accepts: ``auto``, a label, a blend, or the path of a timeline's file; in Python an
    emotion or a timeline too. ``intensity`` scales it."""
    intensity = float(intensity)
    if isinstance(emotion, Emotion | Timeline):
        return emotion.scaled(intensity)
    if isinstance(emotion, os.PathLike) or _FILE.fullmatch(emotion):
        return Timeline.read(emotion, intensity)
    try:
        return Emotion.parse(emotion, intensity)
    except EmoGeneError:
        if os.path.isfile(emotion):
            return Timeline.read(emotion, intensity)
        raise


def _label(name: str) -> str:
    name = name.strip()
    label = _ALIASES.get(name, name)
    if label not in LABELS:
        raise EmoGeneError(f"unknown emotion {name!r}; choose {AUTO}, {', '.join(LABELS)}")
    return label


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise EmoGeneError(f"cannot read the emotion {whole!r}; write happy=0.6,surprised=0.4") from None


def _text(path: Path) -> str:
    """The content of a timeline's file."""
    try:
        if path.stat().st_size > _LARGEST:
            raise EmoGeneError(f"{path}: too large for an emotion timeline, which is a text file")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EmoGeneError(f"{path}: cannot read the emotion timeline ({reason})") from None
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        kind = encoding.removesuffix("-sig").upper()
        raise EmoGeneError(f"{path}:{line}: not {kind} text; save it as UTF-8") from None
    if "\0" in text:
        raise EmoGeneError(f"{path}: not a text, or UTF-16 without its byte order mark; save it as UTF-8")
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of every line that has any."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        bare = re.sub(r'"[^"]*"', "", line)
        separator = next((s for s in ("\t", ";") if s in bare), ",")
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
        if fields:
            yield number, [field.strip() for field in fields]


def _column(field: str) -> str:
    """``start`` of "Start (s)"."""
    return re.split(r"\W", field.strip().lower(), maxsplit=1)[0]


def _cue(fields: dict[str, str], intensity: float, place: str) -> Cue:
    try:
        start, end = _number_of(fields["start"]), _number_of(fields["end"])
        strength = _number_of(fields.get("intensity") or "1")
        name = fields["emotion"]
    except (ValueError, KeyError):
        given = " ".join(fields.values())
        raise EmoGeneError(f"{place}: write {', '.join(COLUMNS)} (times in seconds), not {given!r}") from None
    if not (0 <= start < end < math.inf):
        raise EmoGeneError(f"{place}: a cue must start at 0 or later and end after it starts")
    try:
        return Cue(start, end, Emotion.parse(name, strength * intensity))
    except EmoGeneError as error:
        raise EmoGeneError(f"{place}: {error}") from None


def _number_of(text: str) -> float:
    """A number, with a decimal point or comma."""
    return float(text.replace(",", "."))
