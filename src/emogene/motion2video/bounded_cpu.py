"""Coordinate descent within bounds, in numba."""

import numpy as np

from emogene.kernel import kernel

SWEEPS, TOLERANCE = 2000, 1e-6


@kernel
def descend(normal, pull, low, high, result):
    """Each coordinate in turn to its best value within its bounds, until none moves by more than TOLERANCE.

    Starts from zero, which must be within the bounds; converges because ``normal`` is positive definite.
    """
    count = normal.shape[0]
    gradient = np.empty(count)
    for t in range(pull.shape[0]):
        x, b = result[t], pull[t]
        for i in range(count):
            x[i] = 0.0
            gradient[i] = -b[i]
        for _ in range(SWEEPS):
            largest = 0.0
            for i in range(count):
                wanted = x[i] - gradient[i] / normal[i, i]
                change = min(max(wanted, low[i]), high[i]) - x[i]
                if change != 0.0:
                    x[i] += change
                    for j in range(count):
                        gradient[j] += change * normal[i, j]
                    largest = max(largest, abs(change))
            if largest < TOLERANCE:
                break
