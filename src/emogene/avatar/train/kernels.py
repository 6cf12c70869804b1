"""Numba kernels of training: the loss of a picture with its gradient, and Adam."""

import numpy as np

from emogene.kernel import kernel

f4 = np.float32
_ZERO, _ONE, _TINY = f4(0), f4(1), f4(1e-12)
_BYTE = f4(1 / 255)


@kernel
def picture_loss(out, colour, share, background, weight, softness, edge, difference, gradient):
    """``sum w sqrt(d^2 + s^2)`` over pixels and colours, and ``edge`` times as much of neighbours' steps.

    ``out [4, H, W]`` of the rasteriser, shown over ``background [3]``; ``colour [H, W, 3]`` and
    ``share [H, W]`` uint8: what it should be; ``weight [H, W]``. ``difference [H, W]`` is room; fills
    ``gradient [4, H, W]``.
    """
    height, width = weight.shape
    total, square = 0.0, softness * softness
    gradient[3] = _ZERO
    for channel in range(3):
        behind, by = background[channel], gradient[channel]
        for y in range(height):
            for x in range(width):
                part = f4(share[y, x]) * _BYTE
                wanted = f4(colour[y, x, channel]) * _BYTE * part + behind * (_ONE - part)
                d = out[channel, y, x] + out[3, y, x] * behind - wanted
                difference[y, x] = d
                root = np.sqrt(d * d + square)
                total += weight[y, x] * root
                by[y, x] = weight[y, x] * d / root
        for y in range(height):
            for x in range(width - 1):
                d = difference[y, x + 1] - difference[y, x]
                pull = edge * weight[y, x] * d / np.sqrt(d * d + square)
                by[y, x + 1] += pull
                by[y, x] -= pull
        for y in range(height - 1):
            for x in range(width):
                d = difference[y + 1, x] - difference[y, x]
                pull = edge * weight[y, x] * d / np.sqrt(d * d + square)
                by[y + 1, x] += pull
                by[y, x] -= pull
        for y in range(height):
            for x in range(width):
                gradient[3, y, x] += behind * by[y, x]
    return total


@kernel
def adam(base, base_first, base_second, motion, first, second, rows, gradient, conditions, rate, motion_rate,
         decay, decay_second, step, begin, end):  # fmt: skip
    """A step of Adam for the splats ``begin:end``.

    ``gradient [F, 13, N]`` and ``conditions [F, K]`` of the frames; ``rate, motion_rate [13]``. The second
    moment of ``motion [D, K, N]``, ``[D, N]``, is one for all components: a third less memory to go through.
    """
    frames, components = conditions.shape
    width = end - begin
    unbias, unbias_second = _ONE / (_ONE - decay**step), _ONE / (_ONE - decay_second**step)
    total, square, pull = np.empty(width, f4), np.empty(width, f4), np.empty((components, width), f4)
    dynamic = np.full(base.shape[0], -1)
    for d in range(rows.shape[0]):
        dynamic[rows[d]] = d
    for row in range(base.shape[0]):
        total[:] = _ZERO
        for f in range(frames):
            g = gradient[f, row]
            for n in range(width):
                total[n] += g[begin + n]
        p, m, v = base[row], base_first[row], base_second[row]
        for n in range(width):
            i, g = begin + n, total[n]
            m[i] = decay * m[i] + (_ONE - decay) * g
            v[i] = decay_second * v[i] + (_ONE - decay_second) * g * g
            p[i] -= rate[row] * unbias * m[i] / (np.sqrt(v[i] * unbias_second) + _TINY)
        d = dynamic[row]
        if d < 0:
            continue
        square[:] = _ZERO
        for k in range(components):
            q = pull[k]
            q[:] = _ZERO
            for f in range(frames):
                c, g = conditions[f, k], gradient[f, row]
                for n in range(width):
                    q[n] += c * g[begin + n]
            for n in range(width):
                square[n] += q[n] * q[n]
        v = second[d]
        for n in range(width):
            i = begin + n
            v[i] = decay_second * v[i] + (_ONE - decay_second) * square[n] / f4(components)
            square[n] = motion_rate[row] * unbias / (np.sqrt(v[i] * unbias_second) + _TINY)
        for k in range(components):
            q, m, p = pull[k], first[d, k], motion[d, k]
            for n in range(width):
                i = begin + n
                m[i] = decay * m[i] + (_ONE - decay) * q[n]
                p[i] -= square[n] * m[i]
