"""When somebody speaks: near the voiced parts of a sound."""

import numpy as np

from emogene.clock import SPEECH_FPS
from emogene.smooth import greatest
from emogene.stream import Stage

_NEAR = 8  # frames of 20 ms: consonants without a voice stand beside vowels


class Voiced(Stage):
    """``f0 [T]`` in Hz at 50 Hz, 0 where unvoiced -> ``[T]`` float32: 1 within 0.16 s of a voiced frame."""

    heard = rate = SPEECH_FPS
    look_back = look_ahead = _NEAR

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (f0,) = inputs
        return (greatest((f0 > 0).astype(np.float32), _NEAR, _NEAR, beyond=0),)
