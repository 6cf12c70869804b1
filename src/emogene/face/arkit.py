"""The 52 ARKit blendshapes, in EmoTalk's column order (alphabetical, ``tongueOut`` last)."""

from fractions import Fraction

import numpy as np

from emogene.track import Track

_NAMES = """
browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight
eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft
eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft
mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight
mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft
mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft
noseSneerRight tongueOut
"""

ARKIT_52: tuple[str, ...] = tuple(_NAMES.split())
INDEX: dict[str, int] = {name: i for i, name in enumerate(ARKIT_52)}


def blendshapes(weights: np.ndarray, fps: Fraction) -> Track:
    """Blendshape weights over time, ``[T, 52]``."""
    return Track(weights, ARKIT_52, fps, "weight")
