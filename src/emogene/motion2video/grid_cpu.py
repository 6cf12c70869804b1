"""Numba kernels of the grid encoding: forward, and backward with respect to table and coordinates.

One kernel per (dimensions, features) is compiled on first use and cached on disk. They run on the calling
thread and release the GIL: threads that each encode their own points scale better than a parallel loop.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from emogene.motion2video.grid import GridConfig

FASTMATH = {"contract", "reassoc", "nsz"}
kernel: Any = njit(cache=True, nogil=True, fastmath=FASTMATH)
inlined: Any = njit(inline="always", cache=True, nogil=True, fastmath=FASTMATH)


@inlined
def _weigh(part, smooth):
    return part * part * (np.float32(3) - np.float32(2) * part) if smooth else part


@inlined
def _inside(x):
    for a in range(len(x)):  # noqa: SIM110 - numba compiles a loop better than a generator
        if not (x[a] >= 0 and x[a] <= 1):
            return False
    return True


@inlined
def _split(x, scale):
    """The cell of a coordinate and the position within it."""
    position = x * scale + np.float32(0.5)
    cell = np.uint32(position)
    return cell, position - np.float32(cell)


@inlined
def _rows_2d(a, b, stride, mask):
    u, v = a * stride[0], b * stride[1]
    u1, v1 = u + stride[0], v + stride[1]
    hashed, tiled = (u ^ v, u1 ^ v, u ^ v1, u1 ^ v1), (u + v, u1 + v, u + v1, u1 + v1)
    rows = hashed if stride[2] else tiled
    return (rows[0] & mask, rows[1] & mask, rows[2] & mask, rows[3] & mask)


@inlined
def _rows_3d(a, b, c, stride, mask):
    u, v, w = a * stride[0], b * stride[1], c * stride[2]
    u1, v1, w1 = u + stride[0], v + stride[1], w + stride[2]
    if stride[3]:
        p, q, r, s = v ^ w, v1 ^ w, v ^ w1, v1 ^ w1
        rows = (u ^ p, u1 ^ p, u ^ q, u1 ^ q, u ^ r, u1 ^ r, u ^ s, u1 ^ s)
    else:
        p, q, r, s = v + w, v1 + w, v + w1, v1 + w1
        rows = (u + p, u1 + p, u + q, u1 + q, u + r, u1 + r, u + s, u1 + s)
    return (
        *(rows[0] & mask, rows[1] & mask, rows[2] & mask, rows[3] & mask),
        *(rows[4] & mask, rows[5] & mask, rows[6] & mask, rows[7] & mask),
    )


@inlined
def _weights_2d(u, v):
    u0, v0 = np.float32(1) - u, np.float32(1) - v
    return (u0 * v0, u * v0, u0 * v, u * v)


@inlined
def _weights_3d(u, v, w):
    u0, w0 = np.float32(1) - u, np.float32(1) - w
    v0 = np.float32(1) - v
    p, q, r, s = v0 * w0, v * w0, v0 * w, v * w
    return (u0 * p, u * p, u0 * q, u * q, u0 * r, u * r, u0 * s, u * s)


@inlined
def _mix_2d(table, rows, weights, f):
    value = weights[0] * table[rows[0], f] + weights[1] * table[rows[1], f]
    return value + weights[2] * table[rows[2], f] + weights[3] * table[rows[3], f]


@inlined
def _mix_3d(table, rows, weights, f):
    value = weights[0] * table[rows[0], f] + weights[1] * table[rows[1], f]
    value += weights[2] * table[rows[2], f] + weights[3] * table[rows[3], f]
    value += weights[4] * table[rows[4], f] + weights[5] * table[rows[5], f]
    return value + weights[6] * table[rows[6], f] + weights[7] * table[rows[7], f]


@cache
def _kernels(dimensions: int, features: int):
    """The three kernels of one layout: dimensions and features are constants, so that loops unroll."""
    mix = _mix_3d if dimensions == 3 else _mix_2d

    @inlined
    def locate(x, scale, stride, mask, smooth):
        """Rows (within the level) and weights of the corners around one point."""
        a, u = _split(x[0], scale)
        b, v = _split(x[1], scale)
        if dimensions == 3:
            c, w = _split(x[2], scale)
            rows = _rows_3d(a, b, c, stride, mask)
            weights = _weights_3d(_weigh(u, smooth), _weigh(v, smooth), _weigh(w, smooth))
        else:
            rows = _rows_2d(a, b, stride, mask)
            weights = _weights_2d(_weigh(u, smooth), _weigh(v, smooth))
        return rows, weights

    @kernel
    def forward(unit, table, offsets, scales, strides, masks, smooth, out):
        for n in range(unit.shape[0]):
            if not _inside(unit[n]):
                out[n] = 0
                continue
            for level in range(scales.shape[0]):
                rows, weights = locate(unit[n], scales[level], strides[level], masks[level], smooth)
                rest = table[offsets[level] : offsets[level + 1]]
                first = level * features
                if features == 4:  # all loads before the stores, for one vector instruction each
                    p, q = mix(rest, rows, weights, 0), mix(rest, rows, weights, 1)
                    r, s = mix(rest, rows, weights, 2), mix(rest, rows, weights, 3)
                    out[n, first], out[n, first + 1], out[n, first + 2], out[n, first + 3] = p, q, r, s
                else:
                    for f in range(features):
                        out[n, first + f] = mix(rest, rows, weights, f)

    @inlined
    def add(table, row, weight, grad, first):
        if features == 4:
            p, q = table[row, 0] + weight * grad[first], table[row, 1] + weight * grad[first + 1]
            r, s = table[row, 2] + weight * grad[first + 2], table[row, 3] + weight * grad[first + 3]
            table[row, 0], table[row, 1], table[row, 2], table[row, 3] = p, q, r, s
        else:
            for f in range(features):
                table[row, f] += weight * grad[first + f]

    @kernel
    def backward_table(unit, grad, offsets, scales, strides, masks, smooth, out):
        for n in range(unit.shape[0]):
            if not _inside(unit[n]):
                continue
            for level in range(scales.shape[0]):
                rows, weights = locate(unit[n], scales[level], strides[level], masks[level], smooth)
                rest = out[offsets[level] : offsets[level + 1]]
                for c in range(len(rows)):
                    add(rest, rows[c], weights[c], grad[n], level * features)

    @kernel
    def backward_unit(unit, table, grad, offsets, scales, strides, masks, smooth, out):
        for n in range(unit.shape[0]):
            out[n] = 0
            if not _inside(unit[n]):
                continue
            for level in range(scales.shape[0]):
                rows, _ = locate(unit[n], scales[level], strides[level], masks[level], smooth)
                rest = table[offsets[level] : offsets[level + 1]]
                for c in range(len(rows)):
                    pull = np.float32(0)
                    for f in range(features):
                        pull += rest[rows[c], f] * grad[n, level * features + f]
                    for a in range(dimensions):
                        slope = scales[level] if (c >> a) & 1 else -scales[level]
                        for b in range(dimensions):
                            part = _split(unit[n, b], scales[level])[1]
                            if a != b:
                                share = _weigh(part, smooth)
                                slope *= share if (c >> b) & 1 else np.float32(1) - share
                            elif smooth:
                                slope *= np.float32(6) * part * (np.float32(1) - part)
                        out[n, a] += slope * pull

    return forward, backward_table, backward_unit


def _layout(config: "GridConfig"):
    return config.offsets, config.scales, config.strides, config.masks, config.smoothstep


def forward(unit: np.ndarray, table: np.ndarray, out: np.ndarray, config: "GridConfig") -> None:
    """``unit [N, D]``, ``table [rows, F]`` -> ``out [N, levels * F]``, all float32."""
    _kernels(config.dimensions, config.features)[0](unit, table, *_layout(config), out)


def backward_table(unit: np.ndarray, grad: np.ndarray, out: np.ndarray, config: "GridConfig") -> None:
    """Adds to ``out [rows, F]`` the gradient of the table; ``grad [N, levels * F]``."""
    _kernels(config.dimensions, config.features)[1](unit, grad, *_layout(config), out)


def backward_unit(
    unit: np.ndarray, table: np.ndarray, grad: np.ndarray, out: np.ndarray, config: "GridConfig"
) -> None:
    """Writes to ``out [N, D]`` the gradient of the coordinates."""
    _kernels(config.dimensions, config.features)[2](unit, table, grad, *_layout(config), out)
