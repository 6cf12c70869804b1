"""How far to turn a voice up, so that the distance to the microphone does not count."""

import numpy as np

from emogene.clock import SPEECH_FPS
from emogene.smooth import greatest, hann
from emogene.stream import Stage

LOUD = -18.0  # dB of full scale, at which the encoder heard the loud moments of its training
QUIETEST = -24.0  # what has no voice in it is not turned up further than this level, so that silence stays
FAINTEST = -62.0  # nor a voice further than this
_BACK, _AHEAD = 250, 50  # frames of 20 ms that decide: five seconds back, one ahead
_NEAR = 25  # a frame within so many frames of a voiced one (f0 > 0) is the voice's
_FEW = 5  # voiced frames that make no voice
_QUANTILE = 0.95
_SMOOTH = 25  # frames


class Gain(Stage):
    """``loudness [T]`` in dB and ``f0 [T]`` in Hz at 50 Hz -> ``[T]`` float32: the factor that brings the
    loud moments of the voice around (the 95th percentile) to LOUD.

    A running level, where a file's own would need the whole of it.
    """

    heard = rate = SPEECH_FPS
    look_back, look_ahead = _BACK + _NEAR + _SMOOTH, _AHEAD + _NEAR + _SMOOTH

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        loudness, f0 = inputs
        voiced = greatest(f0 > 0, _NEAR, _NEAR, beyond=False)
        voice = _running_level(np.where(voiced, loudness, -np.inf))
        sound = np.maximum(_running_level(loudness), QUIETEST)
        few = np.convolve(f0 > 0, np.ones(_BACK + _AHEAD + 1))[_AHEAD : _AHEAD + len(f0)] < _FEW
        level = hann(np.where(few, sound, np.maximum(voice, FAINTEST)), _SMOOTH)
        return ((10 ** ((LOUD - level) / 20)).astype(np.float32),)


def _running_level(loudness: np.ndarray) -> np.ndarray:
    """The 95th percentile of what is finite of ``loudness [T]`` from _BACK frames ago to _AHEAD ahead."""
    padded = np.pad(loudness, (_BACK, _AHEAD), constant_values=-np.inf)
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, _BACK + _AHEAD + 1), axis=1)
    count = np.isfinite(windows).sum(1)
    place = windows.shape[1] - 1 - np.floor((1 - _QUANTILE) * np.maximum(count - 1, 0)).astype(int)
    return np.take_along_axis(windows, place[:, None], 1)[:, 0]
