"""What each emotion looks like at full strength, as weights of the ARKit shapes on the head model.

Which muscles: the prototypes of EMFACS (Friesen & Ekman, 1983), by action unit (AU); contempt after Ekman &
Friesen, "A new pan-cultural facial expression of emotion" (1986), calm from Russell's circumplex (1980: low
arousal, mild pleasure). How strongly: by eye, on the head model and on rendered faces, silent and speaking,
since a shape at 1 is as large as its sculptor made it; the reasons are noted beside the entries. Weights may
be negative (browInnerUp lowers and draws in the inner brow, which ICT's browDown alone leaves behind) and
above 1 (eyeWide lifts the lid by 3 mm only).
"""

from dataclasses import dataclass

import numpy as np

from emogene.emotalk.emotion import LABELS
from emogene.face.arkit import ARKIT_52, INDEX

SOFTENING = 0.5
"""A user's intensity a shows as a^SOFTENING: an expression at half its weights is hardly seen."""
UNEVEN = 0.06
"""Deviation of how much stronger one side is than the mean; brows, eyes, cheeks and mouth lean apart."""
_REGIONS = (("brow",), ("eye",), ("cheek", "nose"), ("mouth",))


@dataclass(frozen=True)
class Entry:
    """``shape``: an ARKit name, both sides where it ends in a star; ``source``: the action unit, and why."""

    shape: str
    weight: float
    source: str


TABLE: dict[str, tuple[Entry, ...]] = {
    "neutral": (),
    "calm": (
        Entry("mouthSmile*", 0.14, "mild pleasure"),
        Entry("eyeBlink*", 0.1, "low arousal: the lids rest lower"),
        Entry("browInnerUp", 0.08, "a brow without tension"),
    ),
    "happy": (
        Entry("mouthSmile*", 1.15, "AU12"),
        Entry("cheekSquint*", 0.9, "AU6: without it a smile is a grin"),
        Entry("eyeSquint*", 0.2, "AU7 goes with AU6"),
        Entry("mouthUpperUp*", 0.5, "AU25: teeth of a strong smile, by eye"),
        Entry("mouthLowerDown*", 0.4, "AU25, by eye"),
        Entry("browOuterUp*", 0.12, "by eye: keeps the squint friendly"),
        Entry("jawOpen", 0.06, "AU26, by eye"),
    ),
    "sad": (
        Entry("browInnerUp", 1.3, "AU1"),
        Entry("browDown*", 0.4, "AU4"),
        Entry("mouthFrown*", 1.5, "AU15"),
        Entry("mouthShrugLower", 0.7, "AU17"),
        Entry("eyeSquint*", 0.45, "AU7, by eye"),
        Entry("eyeBlink*", 0.35, "AU43: heavy lids"),
        Entry("cheekSquint*", 0.3, "AU6 of distress"),
    ),
    "angry": (
        Entry("browDown*", 1.0, "AU4"),
        Entry("browInnerUp", -0.7, "AU4: draws the inner brows down and together"),
        Entry("eyeWide*", 1.4, "AU5: the stare from under the brows"),
        Entry("eyeSquint*", 0.6, "AU7"),
        Entry("noseSneer*", 0.7, "AU9, AU10 of the square-mouthed form"),
        Entry("mouthUpperUp*", 0.4, "AU10"),
        Entry("mouthLowerDown*", 0.6, "AU16, AU25: bared teeth"),
        Entry("mouthStretch*", 0.3, "AU22 has no shape; widens the square mouth, by eye"),
        Entry("mouthPress*", 0.6, "AU23, AU24 where the lips are closed"),
    ),
    "fearful": (
        Entry("browInnerUp", 1.3, "AU1"),
        Entry("browOuterUp*", 0.55, "AU2; less than in surprise: with AU4 the brows are drawn straight"),
        Entry("browDown*", 0.6, "AU4: raised and drawn together"),
        Entry("eyeWide*", 2.0, "AU5"),
        Entry("eyeSquint*", 0.3, "AU7: the lower lids are tense"),
        Entry("mouthStretch*", 1.2, "AU20"),
        Entry("mouthLowerDown*", 0.7, "AU25, by eye"),
        Entry("mouthFrown*", 0.3, "AU20 pulls down as well as back, by eye"),
        Entry("jawOpen", 0.3, "AU26; more is surprise, by eye"),
    ),
    "disgust": (
        Entry("noseSneer*", 1.2, "AU9"),
        Entry("mouthUpperUp*", 0.7, "AU10"),
        Entry("browDown*", 0.1, "AU4; AU9 lowers the brows by itself, and more reads as anger, by eye"),
        Entry("cheekSquint*", 0.7, "AU9 raises the cheeks"),
        Entry("eyeSquint*", 0.65, "AU7"),
        Entry("mouthFrown*", 0.6, "AU15"),
        Entry("mouthShrugLower", 0.4, "AU17"),
    ),
    "surprised": (
        Entry("browInnerUp", 1.0, "AU1"),
        Entry("browOuterUp*", 1.2, "AU2"),
        Entry("eyeWide*", 1.8, "AU5"),
        Entry("jawOpen", 0.85, "AU26, AU27"),
        Entry("mouthFunnel", 0.3, "by eye: the jaw drops without a stretch"),
    ),
    "contempt": (
        Entry("mouthDimpleRight", 0.8, "AU14, one side"),
        Entry("mouthSmileRight", 0.55, "AU12, one side"),
        Entry("mouthUpperUpRight", 0.2, "AU10, one side, by eye"),
        Entry("cheekSquintRight", 0.3, "goes with AU12"),
        Entry("eyeBlink*", 0.15, "looked down upon, by eye"),
        Entry("browOuterUpLeft", 0.35, "by eye: the other brow lifts"),
        Entry("browDownRight", 0.2, "by eye"),
    ),
}


def table() -> np.ndarray:
    """``[9, 52]`` float32, rows as LABELS, columns as ARKIT_52."""
    weights = np.zeros((len(LABELS), len(ARKIT_52)), np.float32)
    for row, label in enumerate(LABELS):
        for entry in TABLE[label]:
            for name in _names(entry.shape):
                weights[row, INDEX[name]] = entry.weight
    return weights


def strength(amounts: np.ndarray) -> np.ndarray:
    """How much of an expression a user's intensity ``0..2`` shows; 0 and 1 stay, .5 gives .71."""
    return np.asarray(amounts) ** SOFTENING


def asymmetry(seed: int) -> np.ndarray:
    """``[52]`` float32 factors about 1 by which a face is stronger on one side; the same for the same seed.

    Spontaneous faces are hardly ever even (Borod et al., 1997). A region leans as a whole.
    """
    draw = np.random.default_rng([seed, 3])
    factors = np.ones(len(ARKIT_52), np.float32)
    for starts in _REGIONS:
        lean = float(np.clip(draw.normal(0, UNEVEN), -2 * UNEVEN, 2 * UNEVEN))
        for name, column in INDEX.items():
            if name.startswith(starts) and name.endswith(("Left", "Right")):
                factors[column] = 1 + lean if name.endswith("Left") else 1 - lean
    return factors


def _names(shape: str) -> tuple[str, ...]:
    return (f"{shape[:-1]}Left", f"{shape[:-1]}Right") if shape.endswith("*") else (shape,)
