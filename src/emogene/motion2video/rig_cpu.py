"""Numba: splats taken along by the mesh they ride on."""

import numpy as np

from emogene.kernel import kernel

f4 = np.float32
GAMMA = f4(2.2)  # colours are sRGB, light is linear
GROWTH = f4(1.4)  # of a half axis: on the small triangles of a lid's rim a fold would blow splats up


@kernel
def displace(expression, on, weights, carried, carry, lips, out):
    """``out [M, 3]``: what the shapes ``on [S]`` of ``expression [52, M, 3]`` add with ``weights [S]``.

    At the vertices ``carried [C]`` also ``carry [C, 20]`` times ``lips [20, 3]``. Not by matrix products:
    those would wake all cores for a tenth of a millisecond's work.
    """
    out[:] = f4(0)
    for s in range(on.shape[0]):
        weight, shape = weights[s], expression[on[s]]
        for m in range(out.shape[0]):
            out[m, 0] += weight * shape[m, 0]
            out[m, 1] += weight * shape[m, 1]
            out[m, 2] += weight * shape[m, 2]
    for c in range(carried.shape[0]):
        m = carried[c]
        for point in range(lips.shape[0]):
            for axis in range(3):
                out[m, axis] += carry[c, point] * lips[point, axis]


@kernel
def turn(splats, row, n, first, second, one, two):
    """Add ``first one + second two`` to the half axis in rows ``row..row+2``; it grows to GROWTH at most."""
    before, after = f4(0), f4(0)
    for axis in range(3):
        was = splats[row + axis, n]
        now = was + first * one[axis] + second * two[axis]
        before += was * was
        after += now * now
        splats[row + axis, n] = now
    if after > GROWTH * GROWTH * before:
        shrink = GROWTH * np.sqrt(before / after)
        for axis in range(3):
            splats[row + axis, n] *= shrink


@kernel
def ride(splats, riders, vertex, share, fall, along_u, along_v, moved, shade, shaded):
    """Move, turn, stretch and shade ``splats [13, N]`` in place.

    ``riders [R]``: which splats ride; ``vertex, share [N, 3]``, ``fall [N]``, ``along_u, along_v [N, 2]``:
    see binding.Binding; ``moved [M, 3]``: of the vertices, decimetres; ``shade [M]``: log brightness, linear;
    ``shaded [N]``: share of it that each splat takes.
    """
    one, two = np.empty(3, f4), np.empty(3, f4)
    for r in range(riders.shape[0]):
        n = riders[r]
        i, j, k = vertex[n, 0], vertex[n, 1], vertex[n, 2]
        a, b, c = share[n, 0], share[n, 1], share[n, 2]
        f = fall[n]
        for axis in range(3):
            p, q, s = moved[i, axis], moved[j, axis], moved[k, axis]
            splats[axis, n] += f * (a * p + b * q + c * s)
            one[axis], two[axis] = f * (q - p), f * (s - p)
        turn(splats, 3, n, along_u[n, 0], along_u[n, 1], one, two)
        turn(splats, 6, n, along_v[n, 0], along_v[n, 1], one, two)
        light = shaded[n] * (a * shade[i] + b * shade[j] + c * shade[k])
        if light != 0:
            gain = np.exp(light / GAMMA)
            for channel in range(10, 13):
                splats[channel, n] *= gain
