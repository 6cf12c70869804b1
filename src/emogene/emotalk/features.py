"""What the emotion branch hears beside the speech encoder's features: prosody relative to the local level."""

import numpy as np

from emogene.clock import SPEECH_FPS
from emogene.smooth import hann
from emogene.stream import Stage

N_PROSODY = 3  # pitch, voicing, loudness
_LEVEL = 200  # frames of 20 ms: four seconds
_VIGOUR = 40  # frames; shorter would nod with every syllable
_QUIET = -60.0  # dB of full scale; below it there is no speech to make louder
_RANGE = 40.0  # dB below the local level that are heard
_PITCH = 180.0  # Hz, between the usual voices of men and women


class VoiceProsody(Stage):
    """``f0 [T]`` Hz and ``loudness [T]`` dB at 50 Hz -> prosody ``[T, 3]`` and vigour ``[T]``, float32.

    Prosody: pitch in octaves above 180 Hz (0 where unvoiced), voicing 0 or 1, loudness in 0..about 3 (a unit
    is 20 dB) relative to the mean power within two seconds, so that the distance to the microphone does not
    count as emotion. Vigour: how strong the voice is against its own level, 0..1; near 0 in pauses.
    """

    heard = rate = SPEECH_FPS
    look_back = look_ahead = (_LEVEL + _VIGOUR) // 2 + 1
    outputs = 2

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        f0, loudness = inputs
        above = loudness - local_level(loudness)
        voiced = f0 > 0
        pitch = np.where(voiced, np.log2(np.maximum(f0, 1) / np.float32(_PITCH)), 0)
        loud = np.maximum((above + _RANGE) / 20, 0)
        columns = np.stack([pitch.clip(-2, 2), voiced, loud.clip(0, 3)], axis=1).astype(np.float32)
        present = 1 / (1 + np.exp(-np.clip((above + 8) / 3, -30, 30)))
        return columns, hann(present, _VIGOUR).astype(np.float32)


def local_level(loudness: np.ndarray) -> np.ndarray:
    """``[T] -> [T]`` dB: the mean power in a Hann window of four seconds, at least -60 dB."""
    power = 10 ** (loudness.astype(np.float64) / 10)
    return np.maximum(10 * np.log10(hann(power, _LEVEL) + 1e-12), _QUIET)
