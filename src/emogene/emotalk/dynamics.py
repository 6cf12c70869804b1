"""How an expression lives: it comes up in a third of a second and breathes with the voice."""

import numpy as np

from emogene.audio import SPEECH_FPS, Speech
from emogene.emotalk.features import local_level, smooth

_ONSET = 0.45  # seconds from rest to the full expression, and back
_VIGOUR_WINDOW = 0.8  # seconds; shorter would nod with every syllable
_PAUSE, _SWELL = 0.8, 0.3  # of the expression: what stays in a pause, what a strong voice adds
_DRIFT, _DRIFT_SECONDS = 0.06, 1.5  # slow seeded variation


def ease(amounts: np.ndarray, fps: float) -> np.ndarray:
    """Every change of ``amounts [T, K]`` takes a smooth third of a second; the recording starts at rest."""
    kernel = np.hanning(round(_ONSET * fps) + 2)[1:-1]
    kernel = kernel / kernel.sum()
    eased = np.stack([np.convolve(column, kernel)[: len(column)] for column in amounts.T], axis=1)
    return eased.astype(np.float32)


def vigour(speech: Speech) -> np.ndarray:
    """``[T50]`` in 0..1: how strong the voice is against its own level; near 0 in pauses and in silence."""
    above = speech.loudness - local_level(speech.loudness)
    present = 1 / (1 + np.exp(-np.clip((above + 8) / 3, -30, 30)))
    return smooth(present, _VIGOUR_WINDOW * float(SPEECH_FPS)).astype(np.float32)


def breath(vigour: np.ndarray, fps: float, seed: int) -> np.ndarray:
    """``vigour [T]`` -> ``[T]`` float32 around 1: by how much to scale the expression at each frame."""
    knots = int(len(vigour) / (fps * _DRIFT_SECONDS)) + 3
    values = np.random.default_rng(seed).uniform(-1, 1, knots)
    position = np.arange(len(vigour)) / (fps * _DRIFT_SECONDS)
    left = position.astype(int)
    share = 0.5 - 0.5 * np.cos(np.pi * (position - left))  # smooth at the knots
    drift = values[left] * (1 - share) + values[left + 1] * share
    return ((_PAUSE + _SWELL * vigour) * (1 + _DRIFT * drift)).astype(np.float32)
