"""What the emotion branch sees of the speech: log-mel and prosody relative to the local level."""

import numpy as np
import torch
from torch import Tensor

from emogene.audio import SPEECH_FPS, Speech

N_MEL = 80
N_PROSODY = 3  # pitch, voicing, loudness
SILENCE = -2.5  # a feature far below the level: what stands before and after a recording
_LEVEL_WINDOW = 4.0  # seconds
_QUIET = -60.0  # dB of full scale; below it there is no speech to make louder
_PITCH = 180.0  # Hz, between the usual voices of men and women


def features(speech: Speech) -> np.ndarray:
    """``[T50, 83]`` float32: 80 log-mel bands, pitch, voicing, loudness.

    All but pitch (octaves above 180 Hz; 0 where unvoiced) are relative to the mean power within two seconds,
    so that the distance to the microphone does not count as emotion.
    """
    level = local_level(speech.loudness).astype(np.float32)
    voiced = speech.f0 > 0
    columns = np.empty((len(speech), N_MEL + N_PROSODY), np.float32)
    # In place, so that an hour takes its 60 MB once.
    np.subtract(speech.mel, (level * np.float32(np.log(10) / 10))[:, None], out=columns[:, :N_MEL])
    columns[:, :N_MEL] /= 4
    columns[:, N_MEL] = np.where(voiced, np.log2(np.maximum(speech.f0, 1) / np.float32(_PITCH)), 0)
    columns[:, N_MEL + 1] = voiced
    columns[:, N_MEL + 2] = (speech.loudness - level) / 20
    return np.clip(columns, SILENCE, 1.5, out=columns)


def silence(frames: int) -> np.ndarray:
    """``[frames, 83]``: the features of no sound."""
    rest = np.full((frames, N_MEL + N_PROSODY), SILENCE, np.float32)
    rest[:, N_MEL : N_MEL + 2] = 0
    return rest


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


def in_pieces(network, columns: np.ndarray, reach: int, stride: int = 1, piece: int = 3000) -> np.ndarray:
    """Run ``network [1, N, C] -> [1, N/stride, D]`` over ``columns [T, C]`` in constant memory.

    Pieces overlap by ``reach`` frames on both sides, all that one output can see; the recording stands in
    silence. Returns ``[ceil(T / stride), D]`` float32, output j at input frame ``j * stride``.
    """
    frames = len(columns)
    count = -(-frames // stride)
    outputs = []
    for start in range(0, frames, piece):
        stop = min(start + piece, count * stride)
        left, right = start - reach, stop + reach
        inside = columns[max(left, 0) : right]
        head = silence(max(-left, 0))
        tail = silence(right - left - len(head) - len(inside))
        window = torch.from_numpy(np.concatenate([head, inside, tail]))[None]
        outputs.append(_run(network, window)[reach // stride : -(reach // stride)])
    return np.concatenate(outputs)


@torch.inference_mode()
def _run(network, window: Tensor) -> np.ndarray:
    device = next(network.parameters()).device
    return network(window.to(device))[0].float().cpu().numpy()
