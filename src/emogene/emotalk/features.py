"""What the emotion branch hears: the speech encoder's features, and prosody relative to the local level.

What stands before and after a recording is 0 in every column.
"""

import numpy as np
import torch
from torch import Tensor

from emogene.audio import SPEECH_FPS, Speech

N_PROSODY = 3  # pitch, voicing, loudness
_LEVEL_WINDOW = 4.0  # seconds
_QUIET = -60.0  # dB of full scale; below it there is no speech to make louder
_RANGE = 40.0  # dB below the local level that are heard
_PITCH = 180.0  # Hz, between the usual voices of men and women


def prosody(speech: Speech) -> np.ndarray:
    """``[T50, 3]`` float32: pitch in octaves above 180 Hz (0 where unvoiced), voicing 0 or 1, loudness in
    0..about 3 (a unit is 20 dB) relative to the mean power within two seconds, so that the distance to the
    microphone does not count as emotion."""
    loudness = np.maximum((speech.loudness - local_level(speech.loudness) + _RANGE) / 20, 0)
    voiced = speech.f0 > 0
    pitch = np.where(voiced, np.log2(np.maximum(speech.f0, 1) / np.float32(_PITCH)), 0)
    return np.stack([pitch.clip(-2, 2), voiced, loudness.clip(0, 3)], axis=1).astype(np.float32)


def local_level(loudness: np.ndarray) -> np.ndarray:
    """``[T] -> [T]`` dB: the mean power in a Hann window of four seconds, at least -60 dB."""
    power = 10 ** (loudness.astype(np.float64) / 10)
    return np.maximum(10 * np.log10(smooth(power, _LEVEL_WINDOW * float(SPEECH_FPS)) + 1e-12), _QUIET)


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """Centred Hann average over time, ``[T] -> [T]``; ``width`` in frames, edges weigh what is there."""
    kernel = np.hanning(int(width) // 2 * 2 + 3)[1:-1]
    half = len(kernel) // 2
    total = np.convolve(values, kernel)[half : half + len(values)]
    return total / np.convolve(np.ones(len(values)), kernel)[half : half + len(values)]


def in_pieces(
    network, features: np.ndarray, prosody: np.ndarray, reach: int, stride: int = 1, piece: int = 3000
) -> np.ndarray:
    """Run ``network [1, N, D + 3] -> [1, N/stride, K]`` over ``features [T, D]`` beside ``prosody [T, 3]`` in
    constant memory.

    Pieces overlap by ``reach`` frames on both sides, all that one output can see; the recording stands in
    silence. Returns ``[ceil(T / stride), K]`` float32, output j at input frame ``j * stride``.
    """
    count = -(-len(prosody) // stride)
    outputs = []
    for start in range(0, len(prosody), piece):
        stop = min(start + piece, count * stride)
        left, right = start - reach, stop + reach
        inside = slice(max(left, 0), right)
        heard = np.concatenate([features[inside].astype(np.float32), prosody[inside]], axis=1)
        before = max(-left, 0)
        window = np.pad(heard, ((before, right - left - before - len(heard)), (0, 0)))
        outputs.append(_run(network, torch.from_numpy(window)[None])[reach // stride : -(reach // stride)])
    return np.concatenate(outputs)


@torch.inference_mode()
def _run(network, window: Tensor) -> np.ndarray:
    device = next(network.parameters()).device
    return network(window.to(device))[0].float().cpu().numpy()
