"""Numba: splats taken along by the mesh they ride on."""

import numpy as np

from emogene.kernel import kernel

f4 = np.float32
GAMMA = f4(2.2)  # colours are sRGB, light is linear


@kernel
def ride(splats, riders, vertex, share, fall, along_u, along_v, moved, shade, shaded):
    """Move, turn, stretch and shade ``splats [13, N]`` in place.

    ``riders [R]``: which splats ride; ``vertex, share [N, 3]``, ``fall [N]``, ``along_u, along_v [N, 2]``:
    see binding.Binding; ``moved [M, 3]``: of the vertices, decimetres; ``shade [M]``: log brightness, linear;
    ``shaded [N]``: share of it that each splat takes.
    """
    for r in range(riders.shape[0]):
        n = riders[r]
        i, j, k = vertex[n, 0], vertex[n, 1], vertex[n, 2]
        a, b, c = share[n, 0], share[n, 1], share[n, 2]
        f = fall[n]
        ua, ub, va, vb = f * along_u[n, 0], f * along_u[n, 1], f * along_v[n, 0], f * along_v[n, 1]
        for axis in range(3):
            p, q, s = moved[i, axis], moved[j, axis], moved[k, axis]
            splats[axis, n] += f * (a * p + b * q + c * s)
            one, two = q - p, s - p
            splats[3 + axis, n] += ua * one + ub * two
            splats[6 + axis, n] += va * one + vb * two
        light = shaded[n] * (a * shade[i] + b * shade[j] + c * shade[k])
        if light != 0:
            gain = np.exp(light / GAMMA)
            for channel in range(10, 13):
                splats[channel, n] *= gain
