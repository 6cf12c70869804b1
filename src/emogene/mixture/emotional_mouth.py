"""Where emotion and speech meet at the mouth: the emotion's opening grows with the words' and closes with it.

An emotion that is simply added opens the lips of a p, b or m by a centimetre, and the words are gone. Here
the shapes by which an emotion opens the mouth are scaled by how open the words have it, and what is left of
their opening is taken back as the lips meet. Shapes that do not open it (corners, stretch, frown) stay as
they are: a smile goes on through closed lips. In silence the mouth is the emotion's, with a fade.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_opening, distance_transform_edt

from emogene.face.arkit import INDEX
from emogene.face.landmarks import MOUTH, mouth_openness

UPPER, LOWER = np.array([61, 62, 63]), np.array([67, 66, 65])
_JAW = ("jawOpen",)
_LIPS = ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel")


@dataclass(frozen=True)
class MouthRule:
    """Lengths in decimetres, times in seconds."""

    shut: float = 0.004
    """Openness at which lips count as closed."""
    wide: float = 0.06
    """Openness above ``shut`` at which the emotion's opening shapes are at their greatest."""
    meeting: float = 0.025
    """Openness above ``shut`` below which what is left of the emotion's opening is taken back."""
    jaw: tuple[float, float] = (0.1, 0.6)
    """Share of the emotion's jaw on closed lips, and on open ones; a wide jaw is the words' own."""
    lips: tuple[float, float] = (0.55, 1.0)
    """The same of the shapes that part the lips."""
    silence: float = 0.2
    """Shortest pause in which the mouth is set free."""
    fade: float = 0.15
    """How long before and after that the freedom comes and goes."""
    upper: float = 0.4
    """Share of the upper lip in closing."""


def freedom(
    voiced: np.ndarray, openness: np.ndarray, fps: float, rule: MouthRule | None = None
) -> np.ndarray:
    """How free the mouth is ``[T]``: 1 within pauses, 0 in speech, smooth between; all within the pause.

    ``voiced [T]`` bool: whether someone speaks; ``openness [T]``: of the words' lips, decimetres. A pause is
    unvoiced and has closed lips for longer than ``rule.silence``.
    """
    rule = rule or MouthRule()
    still = ~np.asarray(voiced, bool) & (openness < rule.shut + rule.meeting)
    still = binary_opening(still, np.ones(max(1, round(rule.silence * fps)), bool))
    if still.all():
        return np.ones(len(still))
    since = np.clip(np.asarray(distance_transform_edt(still)) / (rule.fade * fps), 0, 1)
    return since * since * (3 - 2 * since)


def spoken_weights(
    weights: np.ndarray, openness: np.ndarray, free: np.ndarray, rule: MouthRule | None = None
) -> np.ndarray:
    """The emotion's ``weights [T, 52]`` as they are while the words open the lips by ``openness [T]``."""
    rule = rule or MouthRule()
    grown = np.clip((openness - rule.shut) / rule.wide, 0, 1)
    result = np.array(weights, np.float32)
    for names, (least, most) in ((_JAW, rule.jaw), (_LIPS, rule.lips)):
        share = free + (1 - free) * (least + (most - least) * grown)
        for name in names:
            result[:, INDEX[name]] *= share
    return result


def emotional_displacement(
    lips: np.ndarray,
    weights: np.ndarray,
    basis: np.ndarray,
    free: np.ndarray,
    rule: MouthRule | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What an emotion adds to spoken faces ``lips [T, 68, 3]``: ``[T, 68, 3]``, and its weights ``[T, 52]``.

    ``weights [T, 52]`` of the emotion alone, ``basis [52, 68, 3]``, ``free [T]`` (see :func:`freedom`).
    By what the emotion would close the gap between the inner lips is taken back; by what it would open it is
    taken back as the words' lips meet, so that they stay as closed as the words have them. Decimetres.
    """
    rule = rule or MouthRule()
    openness = mouth_openness(lips)
    shown = spoken_weights(weights, openness, free, rule)
    moved = np.tensordot(shown, basis, 1)
    met = 1 - np.clip((openness - rule.shut) / rule.meeting, 0, 1)
    change = moved[:, UPPER] - moved[:, LOWER]
    taken = met[:, None, None] * change
    taken[..., 1] = np.where(change[..., 1] < 0, change[..., 1], taken[..., 1])  # words open the lips
    moved[:, MOUTH] -= np.einsum("t,pg,tgc->tpc", 1 - free, _shares(rule.upper), taken)
    return moved.astype(np.float32), shown


def _shares(upper: float) -> np.ndarray:
    """``[20, 3]``: how the mouth's points take up a change of the three inner gaps; the corners do not."""
    shares = np.zeros((MOUTH.stop, 3))
    for gap, (inner, outer) in enumerate(((61, 50), (62, 51), (63, 52))):
        shares[[inner, outer], gap] = upper
    for gap, (inner, outer) in enumerate(((67, 58), (66, 57), (65, 56))):
        shares[[inner, outer], gap] = upper - 1
    for beside, neighbour in ((49, 50), (53, 52), (59, 58), (55, 56)):
        shares[beside] = shares[neighbour] / 2
    return shares[MOUTH]
