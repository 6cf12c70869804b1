"""Numba kernels of the march and of what its samples add up to.

They run on the calling thread and release the GIL.
"""

import numpy as np

from emogene.kernel import kernel

compiled = kernel(fastmath=False)  # sums in the official order
inlined = kernel(fastmath=False, inline="always")


@inlined
def _spread(v):
    v = (v * np.uint32(0x00010001)) & np.uint32(0xFF0000FF)
    v = (v * np.uint32(0x00000101)) & np.uint32(0x0F00F00F)
    v = (v * np.uint32(0x00000011)) & np.uint32(0xC30C30C3)
    return (v * np.uint32(0x00000005)) & np.uint32(0x49249249)


@inlined
def _morton(i, j, k):
    code = _spread(np.uint32(i)) | (_spread(np.uint32(j)) << np.uint32(1))
    return np.int64(code | (_spread(np.uint32(k)) << np.uint32(2)))


@inlined
def _cell(x, size):
    return min(max(np.int64(np.float32(0.5) * (x + np.float32(1)) * np.float32(size)), 0), size - 1)


@inlined
def _unit(x):
    return min(max(x, np.float32(-1)), np.float32(1))


@inlined
def _exit(x, d, cell, size, bits):
    """Distance along one axis to the far side of the block of ``2 ** bits`` cells around ``cell``."""
    if d == 0:
        return np.float32(np.inf)
    edge = ((cell >> bits) + (1 if d > 0 else 0)) << bits
    return (np.float32(2 * edge) / np.float32(size) - np.float32(1) - x) / d


@compiled
def march(
    origin, direction, start, far, bits, blocks, wide, size, shortest, longest, gamma, limit,
    position, step, end, first,
):  # fmt: skip
    """See ``march`` in :mod:`.marching`; ``position, step, end`` are filled from the front."""
    total = 0
    for ray in range(start.shape[0]):
        ox, oy, oz = origin[ray, 0], origin[ray, 1], origin[ray, 2]
        dx, dy, dz = direction[ray, 0], direction[ray, 1], direction[ray, 2]
        t, count = start[ray], 0
        while t < far[ray] and count < limit:
            dt = min(max(t * gamma, shortest), longest)
            x, y, z = _unit(ox + t * dx), _unit(oy + t * dy), _unit(oz + t * dz)
            i, j, k = _cell(x, size), _cell(y, size), _cell(z, size)
            code = _morton(i, j, k)
            if not blocks[code >> 6]:  # the steps of an empty block, without looking
                side = 2 if wide[code >> 12] else 4
                leave = t + min(
                    _exit(x, dx, i, size, side), _exit(y, dy, j, size, side), _exit(z, dz, k, size, side)
                )
                t += dt
                while t < leave:
                    t += min(max(t * gamma, shortest), longest)
                continue
            if (bits[code >> 3] >> (code & 7)) & 1:
                position[total, 0], position[total, 1], position[total, 2] = x, y, z
                step[total], end[total] = dt, t + dt
                total += 1
                count += 1
            t += dt
        first[ray + 1] = total


@compiled
def accumulate(
    sigma, colour, step, end, first, limit, threshold, rays, weights, image, depth, start, alive
):  # fmt: skip
    """Adds a round of samples to the ``rays``; those that go on are put in ``alive``; returns how many.

    A ray ends with the first sample before which its transmittance was below ``threshold``.
    """
    going = 0
    for place in range(rays.shape[0]):
        ray, stop = rays[place], False
        for i in range(first[place], first[place + 1]):
            left = np.float32(1) - weights[ray]
            weight = (np.float32(1) - np.exp(-sigma[i] * step[i])) * left
            weights[ray] += weight
            depth[ray] += weight * end[i]
            image[ray, 0] += weight * colour[i, 0]
            image[ray, 1] += weight * colour[i, 1]
            image[ray, 2] += weight * colour[i, 2]
            if left < threshold:
                stop = True
                break
        if not stop and first[place + 1] - first[place] == limit:
            start[ray] = end[first[place + 1] - 1]
            alive[going] = ray
            going += 1
    return going
