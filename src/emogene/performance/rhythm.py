"""What the body follows in a voice: when it speaks, where its accents are, and where its phrases end."""

import numpy as np

from emogene.clock import SPEECH_FPS
from emogene.smooth import gaussian, greatest
from emogene.stream import Stage

QUIET = -70.0  # dB of full scale, below which nobody speaks
BELOW_PEAK = 18.0  # dB under the loudest of the seconds around at which speech begins
SOFT = 3.0  # dB: how gently
AROUND = 150  # frames of 20 ms to both sides
NEAR = 25  # frames: nobody speaks further from a voiced one (noise is no voice)
SYLLABLE, PHRASE = 4.0, 12.5  # frames of smoothing (sigma of a Gaussian): for accents, for activity
ACCENT = 4.0  # dB that an accent stands out
APART = 35  # frames between two accents, at least
TALK = 0.5  # activity at which a phrase begins and ends
_SIGMAS = 4


class Rhythm(Stage):
    """``loudness [T]`` in dB of full scale and ``f0 [T]`` in Hz at 50 Hz -> three arrays ``[T]``: activity
    (float32, 1 while the voice speaks, 0 in silence, smooth), accents (bool, at loud syllables), phrase ends
    (bool, at the starts of pauses)."""

    heard = rate = SPEECH_FPS
    look_back = look_ahead = AROUND + int(_SIGMAS * (SYLLABLE + PHRASE)) + APART + 2
    outputs = 3

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        loudness, f0 = inputs
        level = gaussian(loudness, SYLLABLE, _SIGMAS)
        peak = greatest(level, AROUND, AROUND)
        above = level - np.maximum(peak - BELOW_PEAK, QUIET)
        voiced = greatest((f0 > 0).astype(float), NEAR, NEAR, beyond=0)
        present = voiced / (1 + np.exp(-np.clip(above / SOFT, -30, 30)))
        activity = gaussian(present, PHRASE, _SIGMAS).astype(np.float32)
        talking = activity > TALK
        ends = np.append(False, talking[:-1] & ~talking[1:])
        return activity, _accents(level) & talking, ends


def _accents(level: np.ndarray) -> np.ndarray:
    """The greatest of the APART frames to both sides, and well above the least of them on either."""
    before = np.append(-np.inf, greatest(level, APART - 1, 0)[:-1])
    after = greatest(level, 0, APART - 1)
    valley = -np.minimum(greatest(-level, APART - 1, 0), greatest(-level, 0, APART - 1))
    return (level > before) & (level >= after) & (level - valley >= ACCENT)
