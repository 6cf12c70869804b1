"""Any number of channels to what two ears and one network hear."""

from collections.abc import Sequence

import numpy as np

from emogene.audio.block import Block

HALF_POWER = 0.5**0.5
# Share of a channel in the left and the right ear, as FFmpeg mixes (libswresample, rematrix.c): the centre in
# both, the effects channel in neither.
FRONT = {"FL": (1.0, 0.0), "FLC": (1.0, 0.0), "FR": (0.0, 1.0), "FRC": (0.0, 1.0)}
CENTRE = {"FC": (HALF_POWER, HALF_POWER)}
EFFECTS = {"LFE": (0.0, 0.0), "LFE2": (0.0, 0.0)}
AMBISONIC = {"AMBI0": (1.0, 1.0)}  # the microphone that hears all directions alike
EITHER_SIDE = {"L": (HALF_POWER, 0.0), "R": (0.0, HALF_POWER)}
MEMORY = 0.2  # seconds over which the correlation of two channels is taken
OPPOSED, AGREED = -0.7, -0.3  # correlations below and above which one channel is inverted, and is not
QUIET = 1e-20  # power at which two silent channels count as equal


UNNAMED = "NONE"
"""FFmpeg's name of a channel that nothing is known of: a recorder's track, an array's column."""


def ear_weights(names: Sequence[str]) -> np.ndarray | None:
    """``[2, channels]``: how much of every channel either ear hears; None where they are for ears already.

    ``names`` are FFmpeg's. Channels without one are heard alike, in both ears.
    """
    if len(names) == 1 or (len(names) == 2 and not {*CENTRE, *EFFECTS} & {*names}):
        return None
    return np.array([_weights(name, len(names)) for name in names], np.float32).T


def _weights(name: str, channels: int) -> tuple[float, float]:
    known = FRONT | CENTRE | EFFECTS | AMBISONIC
    if name in known:
        return known[name]
    if name.startswith("AMBI"):
        return 0.0, 0.0
    if name == UNNAMED:
        return channels**-0.5, channels**-0.5
    return EITHER_SIDE.get(name[-1], (0.5, 0.5))


class Ears:
    """Channels to at most two, for listeners: mono and stereo stay untouched.

    Folding more channels can exceed full scale. The fold is then turned down, for good, by just what its
    loudest sample needs; which samples come in which piece makes no difference.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._weights, self._loudest = ear_weights(names), 1.0

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """``[channels, n] -> [1 or 2, n]`` float32."""
        if self._weights is None or not samples.size:
            return samples[:2]
        folded = self._weights @ samples
        peaks = np.maximum(np.abs(folded).max(0), self._loudest)
        loudest = np.maximum.accumulate(peaks)
        self._loudest = float(loudest[-1])
        return (folded / loudest).astype(np.float32)


class Mono:
    """One or two channels to one, for networks: the mean, or half the difference where one is inverted.

    A voice whose right channel is inverted is heard by ears and would cancel in a mean. The correlation of
    the channels over the last moments tells; which samples come in which piece makes no difference.
    """

    def __init__(self, rate: int) -> None:
        self._decay, self._state = float(np.exp(-1 / (MEMORY * rate))), np.zeros(3)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """``[1 or 2, n] -> [n]`` float32."""
        if len(samples) == 1 or not samples.size:
            return samples[0]
        from emogene.audio.running_mean_cpu import running_mean

        left, right = samples.astype(np.float64)
        powers = np.stack([left * right, left * left, right * right]) + QUIET
        smooth = running_mean(powers, self._decay, self._state)
        correlation = smooth[0] / np.sqrt(smooth[1] * smooth[2])
        sign = np.interp(correlation, (OPPOSED, AGREED), (-1, 1))
        return ((left + sign * right) / 2).astype(np.float32)


class Downmix:
    """Blocks of any kind, also where it changes on the way, to one or two channels."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._rate = 0

    def __call__(self, block: Block, channels: int) -> np.ndarray:
        """``[channels, n]`` float32: 1 for networks, 2 for ears."""
        if block.names != self._names:
            self._names, self._ears = block.names, Ears(block.names)
        heard = self._ears(block.samples)
        if channels == 2:
            return np.broadcast_to(heard, (2, heard.shape[1]))
        if block.rate != self._rate:
            self._rate, self._mono = block.rate, Mono(block.rate)
        return self._mono(heard)[None]
