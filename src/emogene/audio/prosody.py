"""What the body follows in a voice: when it speaks, where its accents are, and where its phrases end."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import find_peaks

QUIET = -50.0  # dB of full scale, below which nobody speaks
BELOW_PEAK, SOFT = (
    18.0,
    3.0,
)  # dB under the loudest of the seconds around at which speech begins, and how gently
AROUND = 6.0  # seconds
SYLLABLE, PHRASE = 0.08, 0.25  # seconds of smoothing (Gaussian): for accents, for activity
ACCENT, APART = 4.0, 0.7  # dB that an accent stands out, seconds between two
TALK = 0.5  # activity at which a phrase begins and ends


@dataclass(frozen=True)
class Prosody:
    """``activity [T]`` float32 in 0..1: 1 while the voice speaks, 0 in silence, smooth.

    ``accents`` and ``phrase_ends``: frames of loud syllables and of the starts of pauses, ascending. Frame t
    is at t/fps seconds.
    """

    activity: np.ndarray
    accents: np.ndarray
    phrase_ends: np.ndarray

    @classmethod
    def of(cls, loudness: np.ndarray, fps: Fraction) -> "Prosody":
        """From ``loudness [T]`` in dB of full scale. Only seconds around a frame matter to it."""
        rate = float(fps)
        level = gaussian_filter1d(loudness.astype(np.float64), SYLLABLE * rate, mode="nearest")
        peak = maximum_filter1d(level, round(AROUND * rate) | 1, mode="nearest")
        above = level - np.maximum(peak - BELOW_PEAK, QUIET)
        present = 1 / (1 + np.exp(-np.clip(above / SOFT, -30, 30)))
        activity = gaussian_filter1d(present, PHRASE * rate, mode="nearest").astype(np.float32)
        peaks, _ = find_peaks(level, prominence=ACCENT, distance=max(1, round(APART * rate)))
        talking = activity > TALK
        ends = np.flatnonzero(talking[:-1] & ~talking[1:]) + 1
        return cls(activity, peaks[talking[peaks]], ends)

    @classmethod
    def silent(cls, frames: int) -> "Prosody":
        """Of nobody who speaks."""
        return cls(np.zeros(frames, np.float32), np.zeros(0, int), np.zeros(0, int))
