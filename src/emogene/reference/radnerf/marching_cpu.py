"""Numba kernels of the march and of compositing. They run on the calling thread and release the GIL."""

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
def _mix(table, first, row, plane, u, v, w, axis):
    """Trilinear between the lattice points around ``first``; unsigned indices spare the wrap-around test."""
    one = np.uint32(1)
    a, b = table[first, axis], table[first + one, axis]
    c, d = table[first + row, axis], table[first + row + one, axis]
    a, c = a + (b - a) * w, c + (d - c) * w
    low = a + (c - a) * v
    first += plane
    a, b = table[first, axis], table[first + one, axis]
    c, d = table[first + row, axis], table[first + row + one, axis]
    a, c = a + (b - a) * w, c + (d - c) * w
    high = a + (c - a) * v
    return low + (high - low) * u


@inlined
def _bend(x, y, z, table, shape, low, scale):
    """One point moved by the trilinear displacement ``table [X * Y * Z, 3]``; outside of it, not at all."""
    u, v, w = (x - low[0]) * scale[0], (y - low[1]) * scale[1], (z - low[2]) * scale[2]
    if u >= 0 and v >= 0 and w >= 0 and u < shape[0] - 1 and v < shape[1] - 1 and w < shape[2] - 1:
        a, b, c = np.uint32(u), np.uint32(v), np.uint32(w)
        u, v, w = u - np.float32(a), v - np.float32(b), w - np.float32(c)
        row = np.uint32(shape[2])
        plane = np.uint32(shape[1]) * row
        first = a * plane + b * row + c
        x += _mix(table, first, row, plane, u, v, w, 0)
        y += _mix(table, first, row, plane, u, v, w, 1)
        z += _mix(table, first, row, plane, u, v, w, 2)
    return x, y, z


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
    warped, lattice, low, scale, position, step, end, first,
):  # fmt: skip
    """See ``march`` in :mod:`.marching`; ``position, step, end`` are filled from the front."""
    shape, table = lattice.shape, lattice.reshape(-1, 3)
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
                bits_wide = 2 if wide[code >> 12] else 4
                leave = t + min(
                    _exit(x, dx, i, size, bits_wide),
                    _exit(y, dy, j, size, bits_wide),
                    _exit(z, dz, k, size, bits_wide),
                )
                t += dt
                if gamma == 0:
                    t += dt * np.float32(max(np.ceil((leave - t) / dt), 0))
                else:
                    while t < leave:
                        t += min(max(t * gamma, shortest), longest)
                continue
            if warped:
                x, y, z = _bend(x, y, z, table, shape, low, scale)
                code = _morton(_cell(x, size), _cell(y, size), _cell(z, size))
            if (bits[code >> 3] >> (code & 7)) & 1:
                position[total, 0], position[total, 1], position[total, 2] = x, y, z
                step[total], end[total] = dt, t + dt
                total += 1
                count += 1
            t += dt
        first[ray + 1] = total


@compiled
def composite(sigma, colour, step, end, first, threshold, weights, image, depth):
    """Front to back over each ray until its transmittance falls below ``threshold``."""
    for ray in range(first.shape[0] - 1):
        left, r, g, b, d = np.float32(1), np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for i in range(first[ray], first[ray + 1]):
            alpha = np.float32(1) - np.exp(-sigma[i] * step[i])
            weight = alpha * left
            r += weight * colour[i, 0]
            g += weight * colour[i, 1]
            b += weight * colour[i, 2]
            d += weight * end[i]
            left *= np.float32(1) - alpha
            if left < threshold:
                break
        image[ray, 0], image[ray, 1], image[ray, 2] = r, g, b
        weights[ray], depth[ray] = np.float32(1) - left, d


@compiled
def composite_backward(
    sigma, colour, step, end, first, threshold, weights, image, depth,
    grad_weights, grad_image, grad_depth, grad_sigma, grad_colour,
):  # fmt: skip
    """Gradients of sigma and colour; both outputs are zero where no ray arrives."""
    for ray in range(first.shape[0] - 1):
        gr, gg, gb = grad_image[ray, 0], grad_image[ray, 1], grad_image[ray, 2]
        gw, gd = grad_weights[ray], grad_depth[ray]
        # What the samples behind the current one still add to the loss's linear form.
        behind = gr * image[ray, 0] + gg * image[ray, 1] + gb * image[ray, 2]
        behind += gw * weights[ray] + gd * depth[ray]
        left = np.float32(1)
        for i in range(first[ray], first[ray + 1]):
            fade = np.exp(-sigma[i] * step[i])
            weight = (np.float32(1) - fade) * left
            value = gr * colour[i, 0] + gg * colour[i, 1] + gb * colour[i, 2] + gw + gd * end[i]
            behind -= weight * value
            left *= fade
            grad_sigma[i] = step[i] * (left * value - behind)
            grad_colour[i, 0], grad_colour[i, 1], grad_colour[i, 2] = weight * gr, weight * gg, weight * gb
            if left < threshold:
                break


@compiled
def accumulate(
    sigma, colour, step, end, first, limit, threshold, solid, rays, weights, image, depth, start, alive
):
    """Adds a round of samples to the ``rays``; those that go on are put in ``alive``; returns how many.

    ``solid``: a ray whose transmittance fell below ``threshold`` counts as opaque.
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
            if left < threshold or (solid and left - weight < threshold):
                stop = True
                break
        if stop and solid:
            whole = np.float32(1) / weights[ray]
            image[ray, 0] *= whole
            image[ray, 1] *= whole
            image[ray, 2] *= whole
            depth[ray] *= whole
            weights[ray] = 1
        elif not stop and first[place + 1] - first[place] == limit:
            start[ray] = end[first[place + 1] - 1]
            alive[going] = ray
            going += 1
    return going
