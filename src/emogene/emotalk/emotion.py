"""Which emotion the face shall show: heard from the voice, a label, a blend, or a timeline of them."""

import math
from dataclasses import dataclass
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
                raise EmoGeneError(f"unknown emotion '{label}'; choose {AUTO}, {', '.join(LABELS)}")
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
    """Emotions by time; where no cue says anything, the face is neutral. A later cue wins over an earlier."""

    cues: tuple[Cue, ...]

    @classmethod
    def read(cls, path: str | Path, intensity: float = 1.0) -> "Timeline":
        """From a text file with one ``start end emotion [intensity]`` a line, in seconds.

        Fields are separated by tabs or semicolons, or by commas where the emotion is a plain label; ``#``
        starts a comment and a line of column names may come first. ``intensity`` scales all cues. Raises
        EmoGeneError naming the file and line.
        """
        path = Path(path)
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise EmoGeneError(f"{path}: cannot read the emotion timeline ({error})") from None
        cues = []
        for number, line in enumerate(lines, 1):
            line = line.split("#")[0].strip()
            if line and not (number == 1 and line.lower().startswith("start")):
                cues.append(_cue(line, intensity, f"{path}:{number}"))
        if not cues:
            raise EmoGeneError(f"{path}: the emotion timeline is empty; write start, end, emotion, intensity")
        return cls(tuple(cues))

    def amounts(self, heard: np.ndarray, time: np.ndarray) -> np.ndarray:
        """As :meth:`Emotion.amounts`, each cue in its own time."""
        amounts = np.zeros_like(heard)
        for cue in self.cues:
            inside = (cue.start <= time) & (time < cue.end)
            amounts[inside] = cue.emotion.amounts(heard[inside], time[inside])
        return amounts


def parse(text: str, intensity: float = 1.0) -> Emotion | Timeline:
    """What ``--emotion`` accepts: ``auto``, a label, a blend, or the path of a timeline file."""
    if Path(text).suffix.lower() in {".csv", ".tsv", ".txt"}:
        return Timeline.read(text, intensity)
    return Emotion.parse(text, intensity)


def _label(name: str) -> str:
    name = name.strip()
    label = _ALIASES.get(name, name)
    if label not in LABELS:
        raise EmoGeneError(f"unknown emotion '{name}'; choose {AUTO}, {', '.join(LABELS)}")
    return label


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise EmoGeneError(f"cannot read the emotion '{whole}'; write happy=0.6,surprised=0.4") from None


def _cue(line: str, intensity: float, place: str) -> Cue:
    separator = next((s for s in ("\t", ";") if s in line), ",")
    fields = [field.strip() for field in line.split(separator)]
    try:
        start, end = float(fields[0]), float(fields[1])
        strength = float(fields[3]) if len(fields) > 3 and fields[3] else 1.0
        name = fields[2]
    except (ValueError, IndexError):
        raise EmoGeneError(f"{place}: write start, end, emotion, intensity (seconds), not '{line}'") from None
    if not (0 <= start < end < math.inf):
        raise EmoGeneError(f"{place}: a cue must start at 0 or later and end after it starts")
    try:
        return Cue(start, end, Emotion.parse(name, strength * intensity))
    except EmoGeneError as error:
        raise EmoGeneError(f"{place}: {error}") from None
