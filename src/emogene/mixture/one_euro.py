"""Step 4: the One-Euro filter (Casiez, Roussel, Vogel, CHI 2012), and a form of it without lag."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class OneEuro:
    """A first-order low pass whose cutoff grows with speed: still faces hold still, quick lips stay quick.

    ``min_cutoff`` and ``d_cutoff`` in Hz; ``beta`` in Hz per (unit per second) of the signal filtered.
    """

    min_cutoff: float = 0.6
    beta: float = 1.2
    d_cutoff: float = 1.0


def one_euro(signal: np.ndarray, rate: float, config: OneEuro) -> np.ndarray:
    """The filter as defined in the paper, run forward: ``[T, ...] -> [T, ...]`` at ``rate`` Hz, float64.

    Every coordinate by itself. It lags: the first sample is kept, later ones follow.
    """
    signal = signal.astype(np.float64)
    result = np.empty_like(signal)
    if len(signal) == 0:
        return result
    speed_alpha = _alpha(config.d_cutoff, rate)
    state, speed = signal[0], np.zeros_like(signal[0])
    result[0] = state
    for t in range(1, len(signal)):
        speed = speed + speed_alpha * ((signal[t] - state) * rate - speed)
        state = state + _alpha(config.min_cutoff + config.beta * np.abs(speed), rate) * (signal[t] - state)
        result[t] = state
    return result


def zero_lag_one_euro(signal: np.ndarray, rate: float, config: OneEuro, horizon: int) -> np.ndarray:
    """Mean of the filter run forward and run backward, ``[T, ...] -> [T, ...]`` float64, each started anew
    ``horizon`` frames before every frame.

    Reversing time reverses the result and nothing else, so it cannot lag. At a constant cutoff, the mean of a
    first-order low pass H and its reverse is Re(H) = |H|^2: the magnitude of two passes, at no phase. The
    bound costs what the filter would still remember: ``(1 - alpha) ** horizon`` of a frame's distance to the
    one ``horizon`` before it, alpha that of the lowest cutoff.
    """
    forward = _from_horizon(signal.astype(np.float64), rate, config, horizon)
    backward = _from_horizon(signal[::-1].astype(np.float64), rate, config, horizon)[::-1]
    return (forward + backward) / 2


def _from_horizon(signal: np.ndarray, rate: float, config: OneEuro, horizon: int) -> np.ndarray:
    """:func:`one_euro` of the ``horizon`` frames up to every frame, all frames at once; held before the
    first."""
    held = np.concatenate([np.repeat(signal[:1], horizon, 0), signal])
    speed_alpha = _alpha(config.d_cutoff, rate)
    state, speed = held[: len(signal)], np.zeros_like(signal)
    for step in range(1, horizon + 1):
        change = held[step : step + len(signal)] - state
        speed = speed + speed_alpha * (change * rate - speed)
        state = state + _alpha(config.min_cutoff + config.beta * np.abs(speed), rate) * change
    return state


def _alpha(cutoff, rate: float):
    """Weight of a new sample at ``cutoff`` Hz: ``1 / (1 + tau rate)``, tau = 1 / (2 pi cutoff)."""
    return 1 / (1 + rate / (2 * np.pi * cutoff))
