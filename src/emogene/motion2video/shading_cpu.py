"""Numba: the light on a mesh whose normals turn."""

import numpy as np

from emogene.kernel import kernel

f4 = np.float32
_ONE, _THREE, _TINY = f4(1), f4(3), f4(1e-6)


@kernel
def lit(x, y, z, light, least):
    """Second-order harmonics at one normal (see shading.harmonics), at least ``least``."""
    flat = light[0] + light[1] * x + light[2] * y + light[3] * z
    bent = light[4] * x * y + light[5] * x * z + light[6] * y * z
    square = light[7] * (x * x - y * y) + light[8] * (_THREE * z * z - _ONE)
    return max(flat + bent + square, least)


@kernel
def shade(normal, turning, sinking, light, on, used, limits, out):
    """``out [M]``: see shading.Shading; ``on [S]``: which shapes, with weights ``used [S]``."""
    least, occlusion, rises, sinks, up, down, away, facing = limits
    count = normal.shape[0]
    turned, sunk = normal.copy(), np.zeros(count, f4)
    for s in range(on.shape[0]):
        weight, turn, sink = used[s], turning[on[s]], sinking[on[s]]
        for m in range(count):
            turned[m, 0] += weight * turn[m, 0]
            turned[m, 1] += weight * turn[m, 1]
            turned[m, 2] += weight * turn[m, 2]
            sunk[m] += weight * sink[m]
    for m in range(count):
        x, y, z = turned[m, 0], turned[m, 1], turned[m, 2]
        length = max(np.sqrt(x * x + y * y + z * z), _TINY)
        x, y, z = x / length, y / length, z / length
        now = lit(x, y, z, light, least)
        rest = lit(normal[m, 0], normal[m, 1], normal[m, 2], light, least)
        ratio = np.log(now / rest) - occlusion * min(max(sunk[m], rises), sinks)
        ratio = up * np.tanh(ratio / up) if ratio > 0 else down * np.tanh(ratio / down)
        seen = (min(normal[m, 2], z) - away) / (facing - away)
        out[m] = ratio * min(max(seen, f4(0)), _ONE)
