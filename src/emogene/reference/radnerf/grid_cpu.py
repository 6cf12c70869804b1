"""Numba kernel of the grid encoding.

It sees three coordinates; a 2-D grid is one whose third stride is zero. It runs on the calling thread and
releases the GIL, so threads may each encode their own points.
"""

import numpy as np

from emogene.kernel import kernel
from emogene.reference.radnerf.grid_config import GridLayout

MATH = {"contract", "reassoc", "nsz"}  # points outside the grid may be infinite or not a number
compiled = kernel(fastmath=MATH)
inlined = kernel(fastmath=MATH, inline="always")


@inlined
def _weigh(part, smooth):
    return part * part * (np.float32(3) - np.float32(2) * part) if smooth else part


@inlined
def _split(x, scale):
    """The cell of a coordinate and the position within it."""
    position = x * scale + np.float32(0.5)
    cell = np.uint32(position)
    return cell, position - np.float32(cell)


@inlined
def _rows(a, b, c, stride, mask):
    u, v, w = a * stride[0], b * stride[1], c * stride[2]
    u1, v1, w1 = u + stride[0], v + stride[1], w + stride[2]
    if stride[3]:
        p, q, r, s = v ^ w, v1 ^ w, v ^ w1, v1 ^ w1
        rows = (u ^ p, u1 ^ p, u ^ q, u1 ^ q, u ^ r, u1 ^ r, u ^ s, u1 ^ s)
    else:
        p, q, r, s = v + w, v1 + w, v + w1, v1 + w1
        rows = (u + p, u1 + p, u + q, u1 + q, u + r, u1 + r, u + s, u1 + s)
    a, b, c, d, e, f, g, h = rows
    return (a & mask, b & mask, c & mask, d & mask, e & mask, f & mask, g & mask, h & mask)


@inlined
def _weights(u, v, w):
    u0, w0 = np.float32(1) - u, np.float32(1) - w
    v0 = np.float32(1) - v
    p, q, r, s = v0 * w0, v * w0, v0 * w, v * w
    return (u0 * p, u * p, u0 * q, u * q, u0 * r, u * r, u0 * s, u * s)


@inlined
def _mix(table, first, rows, weights, f):
    value = weights[0] * table[first + rows[0], f] + weights[1] * table[first + rows[1], f]
    value += weights[2] * table[first + rows[2], f] + weights[3] * table[first + rows[3], f]
    value += weights[4] * table[first + rows[4], f] + weights[5] * table[first + rows[5], f]
    return value + weights[6] * table[first + rows[6], f] + weights[7] * table[first + rows[7], f]


@inlined
def _locate(x, layout, level):
    """Rows (within the level) and weights of the corners around one point."""
    scale, smooth = layout.scales[level], layout.smoothstep
    a, u = _split(x[0], scale)
    b, v = _split(x[1], scale)
    c, w = _split(x[2], scale)
    weights = _weights(_weigh(u, smooth), _weigh(v, smooth), _weigh(w, smooth))
    return _rows(a, b, c, layout.strides[level], layout.masks[level]), weights


@inlined
def _inside(x):
    low, high = min(x[0], x[1], x[2]), max(x[0], x[1], x[2])
    return low >= 0 and high <= 1


@compiled
def _encode(unit, table, layout, out):
    for n in range(unit.shape[0]):
        if not _inside(unit[n]):
            out[n] = 0
            continue
        for level in range(layout.scales.shape[0]):
            rows, weights = _locate(unit[n], layout, level)
            first, column = np.uint64(layout.offsets[level]), 2 * level
            # Both are loaded before either is stored, so that they become vector instructions.
            one, other = _mix(table, first, rows, weights, 0), _mix(table, first, rows, weights, 1)
            out[n, column], out[n, column + 1] = one, other


def _in_space(unit: np.ndarray) -> np.ndarray:
    """``[N, 2 or 3] -> [N, 3]``."""
    return np.pad(unit, ((0, 0), (0, 3 - unit.shape[1]))) if unit.shape[1] < 3 else unit


def encode(unit: np.ndarray, table: np.ndarray, out: np.ndarray, layout: GridLayout) -> None:
    """``unit [N, D]``, ``table [rows, 2]`` -> ``out [N, levels * 2]``, all float32."""
    _encode(_in_space(unit), table, layout, out)
