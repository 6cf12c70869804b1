"""How an expression lives: it comes up in a third of a second, breathes with the voice, and rests with it."""

import numpy as np

from emogene import seeded
from emogene.clock import SPEECH_FPS
from emogene.smooth import greatest, hann

RATE = float(SPEECH_FPS)
ONSET = 23  # frames of 20 ms from rest to the full expression, and back
_PAUSE, _SWELL = 0.8, 0.3  # of the expression: what stays in a pause, what a strong voice adds
_DRIFT, _DRIFT_SECONDS = 0.06, 1.5  # slow seeded variation
_VOICE = 0.3  # vigour that a voice has
_HOLD, _FADE = 20, 50  # frames: how long a pause changes nothing, how long the change then takes
PRESENCE = _HOLD + _FADE // 2  # frames to both sides that matter to the presence
EVIDENCE = 50  # frames to both sides that matter to what is heard


def ease(amounts: np.ndarray) -> np.ndarray:
    """Every change of ``amounts [T, K]`` takes a smooth third of a second; the recording starts at rest."""
    kernel = np.hanning(ONSET + 2)[1:-1]
    kernel = kernel / kernel.sum()
    eased = np.stack([np.convolve(column, kernel)[: len(column)] for column in amounts.T], axis=1)
    return eased.astype(np.float32)


def breath(vigour: np.ndarray, first: int, seed: int) -> np.ndarray:
    """``vigour [T]``, frames ``first`` on -> ``[T]`` float32 around 1: how far to scale the expression."""
    position = (first + np.arange(len(vigour))) / (RATE * _DRIFT_SECONDS)
    left = position.astype(int)
    knots = seeded.uniform((seed, 0), left[0], left[-1] + 2)[:, 0]
    share = 0.5 - 0.5 * np.cos(np.pi * (position - left))  # smooth at the knots
    drift = knots[left - left[0]] * (1 - share) + knots[left - left[0] + 1] * share
    return ((_PAUSE + _SWELL * vigour) * (1 + _DRIFT * drift)).astype(np.float32)


def presence(vigour: np.ndarray) -> np.ndarray:
    """``vigour [T] -> [T]`` in 0..1: 1 near a voice, 0 where none has spoken for a second or will."""
    near = greatest((vigour > _VOICE).astype(float), _HOLD, _HOLD, beyond=0)
    return hann(near, _FADE)


def by_evidence(values: np.ndarray, vigour: np.ndarray) -> np.ndarray:
    """``values [T, K]`` averaged over a second around, weighted by how much voice there was to judge by: what
    a pause suggests is guessed from silence. 0 where there is none."""
    weight = (np.square(vigour) + 1e-6)[:, None]
    return hann(values * weight, EVIDENCE * 2) / hann(weight, EVIDENCE * 2)
