"""Numba: an average that forgets, sample by sample."""

import numpy as np

from emogene.kernel import kernel


@kernel(fastmath=False)
def running_mean(values, decay, state):
    """``y[n] = decay y[n - 1] + (1 - decay) x[n]`` of each row of ``values [R, n]`` float64 -> ``[R, n]``.

    ``state [R]``: what was before, and afterwards the last; changed in place.
    """
    result = np.empty_like(values)
    for row in range(values.shape[0]):
        mean = state[row]
        for n in range(values.shape[1]):
            mean = decay * mean + (1 - decay) * values[row, n]
            result[row, n] = mean
        state[row] = mean
    return result
