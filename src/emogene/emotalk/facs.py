"""From the facial action coding system to ARKit shapes, and what each emotion looks like.

The voice data come with OpenFace action units (AUs), faces are driven by ARKit blendshapes; an AU and the
shape of the same muscle are taken as one. References: Ekman, Friesen & Hager, FACS (2002); Friesen & Ekman,
EMFACS (1983); Baltrušaitis, Robinson & Morency, "OpenFace: an open source facial behavior analysis toolkit"
(WACV 2016).
"""

import numpy as np

from emogene.emotalk.emotion import HEARD, LABELS
from emogene.face.arkit import ARKIT_52, INDEX

# The AUs of OpenFace, in its order, and the ARKit shapes of the same muscles (both sides where a name ends
# in a star). AU25 (lips part) is speech: the content path opens the mouth. AU45 (blink) is made elsewhere.
SHAPES_OF_AU: dict[str, tuple[str, ...]] = {
    "AU01": ("browInnerUp",),
    "AU02": ("browOuterUp*",),
    "AU04": ("browDown*",),
    "AU05": ("eyeWide*",),
    "AU06": ("cheekSquint*",),
    "AU07": ("eyeSquint*",),
    "AU09": ("noseSneer*",),
    "AU10": ("mouthUpperUp*",),
    "AU12": ("mouthSmile*",),
    "AU14": ("mouthDimple*",),
    "AU15": ("mouthFrown*",),
    "AU17": ("mouthShrugLower",),
    "AU20": ("mouthStretch*",),
    "AU23": ("mouthPress*",),
    "AU25": (),
    "AU26": ("jawOpen",),
    "AU45": (),
}
ACTION_UNITS: tuple[str, ...] = tuple(SHAPES_OF_AU)
# AUs that the prototypes name and OpenFace does not measure. R: the right half only.
_MORE_SHAPES = {
    "AU43": ("eyeBlink*",),
    "R12": ("mouthSmileRight",),
    "R14": ("mouthDimpleRight",),
}

# FACS scores intensity in five letters; here the middle of each fifth of a shape's range.
_LEVEL = {"A": 0.1, "B": 0.3, "C": 0.5, "D": 0.7, "E": 0.9}

# The prototypes of EMFACS. D where the books give no letter; mouth actions that speech needs are lower; the
# frown of anger, the one action that carries it, is higher.
PROTOTYPES: dict[str, str] = {
    "neutral": "",
    "calm": "",
    "happy": "AU06D AU12D",
    "sad": "AU01D AU04C AU15D AU17B AU43A",
    "angry": "AU04E AU05B AU07D AU09B AU10B AU23C",
    "fearful": "AU01D AU02D AU04C AU05D AU07B AU20C AU26A",
    "disgust": "AU04B AU07C AU09D AU10D AU15B AU17B",
    "surprised": "AU01D AU02D AU05C AU26B",
    "contempt": "R12C R14D",
}
# OpenFace's AU26 follows the words more than the emotion: its prototype stands alone.
_SPOKEN = ("AU25", "AU26", "AU45")


def shapes(action_units: dict[str, float]) -> np.ndarray:
    """AU intensities in 0..1 by name -> blendshape weights ``[52]`` float32.

    AU1 and AU4 together raise the inner brow and draw it in (FACS, combination 1+4): the lowering, all that
    ARKit's browDown has, gives way to the raise.
    """
    weights = np.zeros(len(ARKIT_52), np.float32)
    for unit, value in action_units.items():
        for name in (SHAPES_OF_AU | _MORE_SHAPES)[unit]:
            for column in _columns(name):
                weights[column] = max(weights[column], value)
    raised = 1 - weights[INDEX["browInnerUp"]]
    for column in _columns("browDown*"):
        weights[column] *= raised
    return weights


def prototype(label: str) -> dict[str, float]:
    """The AUs of an emotion by EMFACS, in 0..1."""
    return {code[:-1]: _LEVEL[code[-1]] for code in PROTOTYPES[label].split()}


def expressions(strong: np.ndarray, top: np.ndarray, reliability: np.ndarray) -> np.ndarray:
    """What every emotion looks like at full strength: blendshape weights ``[9, 52]``, rows as LABELS.

    ``strong [8, 17]``: mean AUs of the strong takes of each heard emotion, above the same actor's neutral
    takes; ``top [17]``: the upper decile of each AU in the emotion that shows it most, taken as level D;
    ``reliability [17]``: the share of each AU's variance that the emotion explains. The mean over actors and
    the prototype are averaged with the reliability as weight (shrinkage): smile, brow lowering and cheek come
    mostly from data; the AUs that OpenFace measures against each video's own median, so that a held
    expression vanishes (1, 2, 5, 9, 15, 17, 20, 23), mostly from the books.
    """
    table = np.zeros((len(LABELS), len(ARKIT_52)), np.float32)
    for row, label in enumerate(LABELS):
        units = prototype(label)
        if label in HEARD and label != "neutral":
            measured = np.clip(strong[row] / top, 0, 1) * _LEVEL["D"]
            for i, unit in enumerate(ACTION_UNITS):
                if unit not in _SPOKEN:
                    share = reliability[i]
                    units[unit] = float(share * measured[i] + (1 - share) * units.get(unit, 0.0))
        table[row] = shapes(units)
    return table


def _columns(name: str) -> list[int]:
    names = [name[:-1] + "Left", name[:-1] + "Right"] if name.endswith("*") else [name]
    return [INDEX[n] for n in names]
