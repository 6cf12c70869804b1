"""Weighted means over time whose reach is known."""

import numpy as np


def hann(values: np.ndarray, width: float) -> np.ndarray:
    """Centred Hann average over time, ``[T, ...] -> [T, ...]`` float64; ``width`` in frames.

    It reaches ``int(width) // 2`` frames to either side; at the ends it weighs what is there.
    """
    kernel = np.hanning(int(width) // 2 * 2 + 3)[1:-1]
    half = len(kernel) // 2

    def weigh(column: np.ndarray) -> np.ndarray:
        return np.convolve(column, kernel)[half : half + len(column)]

    share = weigh(np.ones(len(values)))
    flat = values.reshape(len(values), -1)
    smoothed = np.stack([weigh(column) / share for column in flat.T], axis=1)
    return smoothed.reshape(values.shape)
