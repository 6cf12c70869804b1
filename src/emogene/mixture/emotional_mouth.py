"""Where emotion and speech meet at the mouth: the emotion's opening grows with the words' and closes with it.

An emotion that is simply added opens the lips of a p, b or m by a centimetre, and the words are gone. Here
it widens the words' openings in proportion and leaves their closures alone. Shapes that do not open the mouth
(corners, stretch, frown) stay as they are: a smile goes on through closed lips. In silence the mouth is the
emotion's, with a fade.
"""

from dataclasses import dataclass

import numpy as np

from emogene.face.arkit import INDEX
from emogene.mixture.calibration import Calibration
from emogene.smooth import gaussian

SIGMAS = 4  # how far a Gaussian is followed
_JAW = ("jawOpen",)
_LIPS = ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel")


@dataclass(frozen=True)
class MouthRule:
    """Lengths in decimetres, times in seconds."""

    shut: float = 0.004
    """Openness at which lips count as closed."""
    still: float = 0.03
    """Openness below which a mouth without a voice rests."""
    wide: float = 0.12
    """A wide open mouth: the emotion's opening shapes are at their greatest there."""
    meeting: float = 0.16
    """Openness, as a share of the avatar's own range, up to which lips are the words' alone: a closure,
    and the way into it."""
    most: float = 0.6
    """By how much of itself an opening may grow."""
    jaw: float = 0.6
    """Share of the emotion's jaw in speech; a wide jaw is the words' own."""
    pace: float = 0.06
    """How slowly the emotion's jaw and lips follow the words' opening (standard deviation): jaws are heavy."""
    silence: float = 0.2
    """Shortest pause in which the mouth is set free."""
    fade: float = 0.3
    """How long before and after that the freedom comes and goes."""


def freedom(
    voiced: np.ndarray, openness: np.ndarray, fps: float, rule: MouthRule | None = None
) -> np.ndarray:
    """How free the mouth is ``[T]``: 1 within pauses, 0 in speech, smooth between; all within the pause.

    ``voiced [T]`` bool: whether someone speaks; ``openness [T]``: of the words' lips, decimetres. A pause is
    unvoiced and has closed lips for longer than ``rule.silence``.
    """
    rule = rule or MouthRule()
    still = ~np.asarray(voiced, bool) & (openness < rule.still)
    since = np.clip(_from_ends(still, max(1, round(rule.silence * fps))) / (rule.fade * fps), 0, 1)
    return since * since * (3 - 2 * since)


def _from_ends(still: np.ndarray, shortest: int) -> np.ndarray:
    """Frames ``[T]`` to the nearest end of the pause in ``still [T]`` that each is in; 0 in none of at least
    ``shortest`` frames. The recording's own ends are no ends of a pause."""
    edges = np.diff(np.concatenate([[False], still, [False]]).astype(int))
    since = np.zeros(len(still))
    for start, stop in zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), strict=True):
        if stop - start >= shortest:
            frames = np.arange(start, stop)
            begun = frames - start + 1.0 if start else np.inf
            ends = stop - frames if stop < len(still) else np.inf
            since[start:stop] = np.minimum(begun, ends)
    return since


def spoken_weights(
    weights: np.ndarray, openness: np.ndarray, free: np.ndarray, fps: float, rule: MouthRule | None = None
) -> np.ndarray:
    """The emotion's ``weights [T, 52]`` as they are while the words open the lips by ``openness [T]``."""
    rule = rule or MouthRule()
    grown = gaussian(np.clip((openness - rule.shut) / rule.wide, 0, 1), rule.pace * fps, SIGMAS)
    result = np.array(weights, np.float32)
    for names, most in ((_JAW, rule.jaw), (_LIPS, 1.0)):
        share = free + (1 - free) * most * grown
        for name in names:
            result[:, INDEX[name]] *= share
    return result


def shared_gaps(
    spoken: np.ndarray,
    emotional: np.ndarray,
    free: np.ndarray,
    calibration: Calibration,
    rule: MouthRule | None = None,
) -> np.ndarray:
    """The gaps between the inner lips that words and emotion make together, ``[T, 3, 3]`` decimetres.

    ``spoken [T, 3, 3]``: the words' own; ``emotional [T, 3, 3]``: what the emotion's whole expression adds to
    them; ``free [T]``. In speech the words' gaps are widened in proportion to what exceeds ``rule.meeting``,
    so that closed lips stay closed and openings keep their rhythm: by as much as the emotion would open a
    mouth that is ``rule.wide`` open, ``rule.most`` times at most. An emotion never narrows a speaking mouth.
    """
    rule = rule or MouthRule()
    opening = np.linalg.norm(emotional.mean(1), axis=-1) * np.sign(emotional[..., 1].mean(1))
    wider = np.clip(opening / rule.wide, 0, rule.most)
    width = np.linalg.norm(spoken, axis=-1, keepdims=True)
    meeting = calibration.shut + rule.meeting * calibration.range
    excess = np.maximum(width - meeting, 0) / np.maximum(width, 1e-9)
    return spoken * (1 + ((1 - free) * wider)[:, None, None] * excess) + free[:, None, None] * emotional
