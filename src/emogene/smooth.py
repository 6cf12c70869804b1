"""Means and extremes over time whose reach is known."""

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


def gaussian(values: np.ndarray, sigma: float, sigmas: float = 4.0) -> np.ndarray:
    """Centred Gaussian average over time, ``[T, ...] -> [T, ...]`` float64; ``sigma`` in frames.

    It reaches ``int(sigmas * sigma + 0.5)`` frames to either side; the ends are held.
    """
    reach = int(sigmas * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    flat = values.reshape(len(values), -1).astype(np.float64)
    padded = np.pad(flat, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], 1).reshape(values.shape)


def greatest(values: np.ndarray, before: int, after: int, beyond: float | None = None) -> np.ndarray:
    """Of ``values [T]``, in the frames from ``before`` earlier to ``after`` later, ``[T]``.

    ``beyond``: what counts as being there before the first and after the last; None: the ends are held.
    """
    first, last = (values[0], values[-1]) if beyond is None else (beyond, beyond)
    padded = np.pad(values, (before, after), constant_values=(first, last))
    return np.lib.stride_tricks.sliding_window_view(padded, before + after + 1).max(1)
