"""Numba kernels: evaluate, project, sort, list by tile, rasterise, and the way back.

They run on the calling thread and release the GIL. One record of a splat in a picture is 16 floats (64
bytes): mean x, y; conic a, b, c; opacity; red, green, blue; box left, right, top, bottom in whole pixels;
three unused.
"""

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from emogene.kernel import kernel
from emogene.motion2video.splats.lanes import LANES, TILE_WIDTH, blend, blend_backward
from emogene.motion2video.splats.layout import LEAST_OPAQUE, MOST_OPAQUE, NEAREST, OPAQUE_ENOUGH, REACH

f4 = np.float32
intrinsic: Any = numba_intrinsic
TILE_HEIGHT = 16
RECORD, GRADIENTS = 16, 9
DEPTHS = 4096
_PIXELS = TILE_WIDTH * TILE_HEIGHT
_CHUNK = 2048  # splats whose row stays in the nearest cache
_ZERO, _HALF, _ONE, _TWO, _FOUR, _BYTE = f4(0), f4(0.5), f4(1), f4(2), f4(4), f4(255)
_REACH, _EIGHTH, _STRENGTH = f4(REACH), f4(1 / REACH), f4(MOST_OPAQUE / 2)
_LEAST, _NEAREST, _ENOUGH = f4(LEAST_OPAQUE), f4(NEAREST), f4(OPAQUE_ENOUGH)
_FAR = f4(1e9)


@kernel
def evaluate(base, motion, condition, rows, out):
    """``out = base``, and ``+= sum_k condition[k] motion[d, k]`` in row ``rows[d]``; ``out [13, N]``."""
    components, count = condition.shape[0], base.shape[1]
    c = np.zeros((components + 7) // 8 * 8, f4)
    c[:components] = condition
    for row in range(base.shape[0]):
        out[row] = base[row]
    for start in range(0, count, _CHUNK):
        end = min(count, start + _CHUNK)
        for d in range(rows.shape[0]):
            target, source, last = out[rows[d]], motion[d], components - 1
            for k in range(0, components, 8):  # eight at a time: the target is read and written less often
                s0, s1, s2, s3 = source[k], source[min(k + 1, last)], source[min(k + 2, last)], source[min(k + 3, last)]  # fmt: skip  # noqa: E501
                s4, s5, s6, s7 = source[min(k + 4, last)], source[min(k + 5, last)], source[min(k + 6, last)], source[min(k + 7, last)]  # fmt: skip  # noqa: E501
                c0, c1, c2, c3 = c[k], c[k + 1], c[k + 2], c[k + 3]
                c4, c5, c6, c7 = c[k + 4], c[k + 5], c[k + 6], c[k + 7]
                for n in range(start, end):
                    target[n] += (
                        c0 * s0[n] + c1 * s1[n] + c2 * s2[n] + c3 * s3[n]
                        + c4 * s4[n] + c5 * s5[n] + c6 * s6[n] + c7 * s7[n]
                    )  # fmt: skip


@kernel
def project(splats, rotation, translation, focal, cx, cy, low, out):
    """``splats [13, N]`` to ``out [12, N]``: mean x, y; conic a, b, c; opacity; colour; depth; half box."""
    r00, r01, r02 = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    r10, r11, r12 = rotation[1, 0], rotation[1, 1], rotation[1, 2]
    r20, r21, r22 = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    t0, t1, t2 = translation[0], translation[1], translation[2]
    px, py, pz, ux, uy, uz, vx, vy, vz = splats[0], splats[1], splats[2], splats[3], splats[4], splats[5], splats[6], splats[7], splats[8]  # fmt: skip  # noqa: E501
    number, red, green, blue = splats[9], splats[10], splats[11], splats[12]
    mean_x, mean_y, conic_a, conic_b, conic_c, opacity = out[0], out[1], out[2], out[3], out[4], out[5]
    out_red, out_green, out_blue, depth, half_x, half_y = out[6], out[7], out[8], out[9], out[10], out[11]
    for n in range(splats.shape[1]):
        x, y, z = px[n], py[n], pz[n]
        far = -(r20 * x + r21 * y + r22 * z + t2)
        inverse = _ONE / max(far, _NEAREST)
        scale = focal * inverse
        right = (r00 * x + r01 * y + r02 * z + t0) * inverse
        up = (r10 * x + r11 * y + r12 * z + t1) * inverse
        u2 = r20 * ux[n] + r21 * uy[n] + r22 * uz[n]
        v2 = r20 * vx[n] + r21 * vy[n] + r22 * vz[n]
        a0 = scale * (r00 * ux[n] + r01 * uy[n] + r02 * uz[n] + right * u2)
        a1 = -scale * (r10 * ux[n] + r11 * uy[n] + r12 * uz[n] + up * u2)
        b0 = scale * (r00 * vx[n] + r01 * vy[n] + r02 * vz[n] + right * v2)
        b1 = -scale * (r10 * vx[n] + r11 * vy[n] + r12 * vz[n] + up * v2)
        xx, xy, yy = a0 * a0 + b0 * b0 + low, a0 * a1 + b0 * b1, a1 * a1 + b1 * b1 + low
        across = a0 * b1 - a1 * b0
        share = _EIGHTH / (across * across + low * (xx + yy - low))
        mean_x[n], mean_y[n] = cx + focal * right, cy - focal * up
        conic_a[n], conic_b[n], conic_c[n] = yy * share, -_TWO * xy * share, xx * share
        o = number[n]
        opaque = _STRENGTH * (_ONE + o / np.sqrt(_ONE + o * o))
        opacity[n] = opaque if far > _NEAREST else _ZERO
        out_red[n], out_green[n], out_blue[n] = red[n], green[n], blue[n]
        depth[n], half_x[n], half_y[n] = far, np.sqrt(_REACH * xx), np.sqrt(_REACH * yy)


@kernel
def sort(footprints, layers, width, height, records, index):
    """Pack the visible splats front to back, layer by layer; returns how many they are.

    ``layers [L + 1]``: where each layer's splats begin. ``records [N, 16]``; ``index [N]``: which splat each
    is.
    Counting sort by depth into ``DEPTHS`` bins a layer, stable.
    """
    count = footprints.shape[1]
    mean_x, mean_y, opacity = footprints[0], footprints[1], footprints[5]
    depth, half_x, half_y = footprints[9], footprints[10], footprints[11]
    starts = np.zeros(DEPTHS * (layers.shape[0] - 1) + 1, np.int32)
    key = np.empty(count, np.int32)
    for layer in range(layers.shape[0] - 1):
        nearest, farthest = _FAR, -_FAR
        for n in range(layers[layer], layers[layer + 1]):
            nearest, farthest = min(nearest, depth[n]), max(farthest, depth[n])
        scale = f4(DEPTHS - 1) / max(farthest - nearest, f4(1e-6))
        for n in range(layers[layer], layers[layer + 1]):
            visible = opacity[n] > _LEAST
            visible &= mean_x[n] + half_x[n] > 0 and mean_x[n] - half_x[n] < width
            visible &= mean_y[n] + half_y[n] > 0 and mean_y[n] - half_y[n] < height
            key[n] = -1
            if visible:
                key[n] = layer * DEPTHS + np.int32((depth[n] - nearest) * scale)
                starts[key[n] + 1] += 1
    for q in range(starts.shape[0] - 1):
        starts[q + 1] += starts[q]
    for n in range(count):
        if key[n] >= 0:
            index[starts[key[n]]] = n
            starts[key[n]] += 1
    total = starts[starts.shape[0] - 1]
    for p in range(total):
        n, record = index[p], records[p]
        for j in range(9):
            record[j] = footprints[j, n]
        record[9] = np.floor(max(mean_x[n] - half_x[n], _ZERO))
        record[10] = np.ceil(min(mean_x[n] + half_x[n], f4(width)))
        record[11] = np.floor(max(mean_y[n] - half_y[n], _ZERO))
        record[12] = np.ceil(min(mean_y[n] + half_y[n], f4(height)))
    return total


@kernel
def count_tiles(records, total, across, starts):
    """``starts [tiles + 1]``: where each tile's list begins; returns the length of all lists."""
    starts[:] = 0
    for p in range(total):
        left, right = np.int64(records[p, 9]) // TILE_WIDTH, (np.int64(records[p, 10]) - 1) // TILE_WIDTH
        top, bottom = np.int64(records[p, 11]) // TILE_HEIGHT, (np.int64(records[p, 12]) - 1) // TILE_HEIGHT
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                starts[row * across + column + 1] += 1
    for tile in range(starts.shape[0] - 1):
        starts[tile + 1] += starts[tile]
    return starts[starts.shape[0] - 1]


@kernel
def list_tiles(records, total, across, starts, entries):
    """``entries``: the records of each tile, front to back, as :func:`count_tiles` made room for them."""
    following = starts[:-1].copy()
    for p in range(total):
        left, right = np.int64(records[p, 9]) // TILE_WIDTH, (np.int64(records[p, 10]) - 1) // TILE_WIDTH
        top, bottom = np.int64(records[p, 11]) // TILE_HEIGHT, (np.int64(records[p, 12]) - 1) // TILE_HEIGHT
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                tile = row * across + column
                entries[following[tile]] = p
                following[tile] += 1


@intrinsic
def _address(typing, array):
    """Of an array's first element. (``ndarray.ctypes`` costs an object.)"""

    def generate(context, builder, signature, arguments):
        pointer = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(pointer, cgutils.intp_t)

    return types.int64(array), generate


@kernel
def _tile_room(planes):
    """``planes`` planes of a tile, at the beginning of a cache line."""
    room = np.empty(planes * _PIXELS + 16, f4)
    skipped = ((64 - (_address(room) & 63)) & 63) >> 2
    return room[skipped : skipped + planes * _PIXELS]


@kernel
def _shut(tile, planes):
    """Does every pixel let less than OPAQUE_ENOUGH through? T is the first plane."""
    most = _ZERO
    for row in range(TILE_HEIGHT):
        start = row * planes * TILE_WIDTH
        for i in range(TILE_WIDTH):
            most = max(most, tile[start + i])
    return most < _ENOUGH


@kernel
def _place(record, left, top):
    """Of a record on the tile at ``left, top``: first row, rows, first block's column, blocks."""
    row = max(np.int64(record[11]) - top, 0)
    rows = min(np.int64(record[12]) - top, TILE_HEIGHT) - row
    column = (max(np.int64(record[9]) - left, 0) // LANES) * LANES
    blocks = (min(np.int64(record[10]) - left, TILE_WIDTH) - column + LANES - 1) // LANES
    return row, rows, column, blocks


@kernel
def _fill(records, entries, begin, end, left, top, tile):
    """Draw the splats ``entries[begin:end]`` into ``tile`` (T, R, G, B), whose corner is at ``left, top``."""
    tile[:] = _ZERO
    for row in range(TILE_HEIGHT):
        for i in range(TILE_WIDTH):
            tile[row * 4 * TILE_WIDTH + i] = _ONE
    address = _address(tile)
    for e in range(begin, end):
        if (e - begin) & 31 == 31 and _shut(tile, 4):
            break
        q = records[entries[e]]
        row, rows, column, blocks = _place(q, left, top)
        first = row * 4 * TILE_WIDTH + column
        dx, dy = f4(left + column) + _HALF - q[0], f4(top + row) + _HALF - q[1]
        blend(address, first, rows, blocks, dx, dy, q[2], q[3], q[4], q[5], q[6], q[7], q[8])


@kernel
def raster(records, starts, entries, across, out):
    """``out [4, H, W]``: premultiplied red, green, blue, and transmittance."""
    height, width = out.shape[1], out.shape[2]
    tile = _tile_room(4)
    for t in range(starts.shape[0] - 1):
        left, top = (t % across) * TILE_WIDTH, (t // across) * TILE_HEIGHT
        _fill(records, entries, starts[t], starts[t + 1], left, top, tile)
        for row in range(min(TILE_HEIGHT, height - top)):
            for i in range(min(TILE_WIDTH, width - left)):
                at = row * 4 * TILE_WIDTH + i
                out[3, top + row, left + i] = tile[at]
                out[0, top + row, left + i] = tile[at + TILE_WIDTH]
                out[1, top + row, left + i] = tile[at + 2 * TILE_WIDTH]
                out[2, top + row, left + i] = tile[at + 3 * TILE_WIDTH]


@kernel
def raster_picture(records, starts, entries, across, background, picture):
    """The splats over ``background [H, W, 3]`` (uint8) as ``picture [H, W, 3]`` (uint8)."""
    height, width = picture.shape[0], picture.shape[1]
    tile = _tile_room(4)
    for t in range(starts.shape[0] - 1):
        left, top = (t % across) * TILE_WIDTH, (t // across) * TILE_HEIGHT
        if starts[t] == starts[t + 1]:
            for row in range(min(TILE_HEIGHT, height - top)):
                for i in range(min(TILE_WIDTH, width - left)):
                    for channel in range(3):
                        picture[top + row, left + i, channel] = background[top + row, left + i, channel]
            continue
        _fill(records, entries, starts[t], starts[t + 1], left, top, tile)
        for row in range(min(TILE_HEIGHT, height - top)):
            for i in range(min(TILE_WIDTH, width - left)):
                at = row * 4 * TILE_WIDTH + i
                for channel in range(3):
                    value = _BYTE * tile[at + (channel + 1) * TILE_WIDTH]
                    value += tile[at] * f4(background[top + row, left + i, channel]) + _HALF
                    picture[top + row, left + i, channel] = np.uint8(min(max(value, _ZERO), _BYTE))


@kernel
def largest_weights(records, starts, entries, across, width, height, out):
    """``out [M]``: the largest weight that each record has in any pixel, what is before it counted."""
    left_of = np.empty(_PIXELS, f4)
    for t in range(starts.shape[0] - 1):
        left, top = (t % across) * TILE_WIDTH, (t // across) * TILE_HEIGHT
        left_of[:] = _ONE
        for e in range(starts[t], starts[t + 1]):
            q, most = records[entries[e]], _ZERO
            row, rows, column, blocks = _place(q, left, top)
            for y in range(row, row + rows):
                dy = f4(top + y) + _HALF - q[1]
                for x in range(column, column + blocks * LANES):
                    dx = f4(left + x) + _HALF - q[0]
                    h = max(_ONE - dx * (q[2] * dx + q[3] * dy) - q[4] * dy * dy, _ZERO)
                    h *= h
                    weight = q[5] * h * h * left_of[y * TILE_WIDTH + x]
                    left_of[y * TILE_WIDTH + x] -= weight
                    most = max(most, weight)
            out[entries[e]] = max(out[entries[e]], most)


@kernel
def raster_backward(records, starts, entries, across, out, gradient, sums):
    """Adds to ``sums [M, 9]`` the gradient of the records' first nine numbers.

    ``out [4, H, W]`` of :func:`raster` and ``gradient [4, H, W]`` of it.
    """
    height, width = out.shape[1], out.shape[2]
    tile, found = _tile_room(5), _tile_room(1)
    address, found_address = _address(tile), _address(found)
    for t in range(starts.shape[0] - 1):
        if starts[t] == starts[t + 1]:
            continue
        left, top = (t % across) * TILE_WIDTH, (t // across) * TILE_HEIGHT
        tile[:] = _ZERO
        for row in range(TILE_HEIGHT):
            for i in range(TILE_WIDTH):
                tile[row * 5 * TILE_WIDTH + i] = _ONE
        for row in range(min(TILE_HEIGHT, height - top)):
            for i in range(min(TILE_WIDTH, width - left)):
                at, y, x = row * 5 * TILE_WIDTH + i, top + row, left + i
                rest = _ZERO
                for channel in range(4):
                    rest += gradient[channel, y, x] * out[channel, y, x]
                tile[at + TILE_WIDTH] = rest
                for channel in range(3):
                    tile[at + (channel + 2) * TILE_WIDTH] = gradient[channel, y, x]
        for e in range(starts[t], starts[t + 1]):
            if (e - starts[t]) & 31 == 31 and _shut(tile, 5):
                break
            q = records[entries[e]]
            row, rows, column, blocks = _place(q, left, top)
            first = row * 5 * TILE_WIDTH + column
            dx, dy = f4(left + column) + _HALF - q[0], f4(top + row) + _HALF - q[1]
            found[:GRADIENTS] = _ZERO
            blend_backward(
                address, first, rows, blocks, dx, dy, q[2], q[3], q[4], q[5], q[6], q[7], q[8], found_address
            )
            strength, sum_ = _FOUR * q[5], sums[entries[e]]
            by_x, by_y = found[0] * strength, found[1] * strength
            sum_[0] += _TWO * q[2] * by_x + q[3] * by_y
            sum_[1] += q[3] * by_x + _TWO * q[4] * by_y
            for j in range(2, 5):
                sum_[j] -= found[j] * strength
            for j in range(5, 9):
                sum_[j] += found[j]


@kernel
def project_backward(splats, rotation, translation, focal, low, index, total, sums, out):
    """Adds to ``out [13, N]`` the gradient of the splats, from that of their records, ``sums [M, 9]``."""
    r00, r01, r02 = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    r10, r11, r12 = rotation[1, 0], rotation[1, 1], rotation[1, 2]
    r20, r21, r22 = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    for p in range(total):
        n, s = index[p], sums[p]
        x, y, z = splats[0, n], splats[1, n], splats[2, n]
        inverse = -_ONE / (r20 * x + r21 * y + r22 * z + translation[2])
        scale = focal * inverse
        right = (r00 * x + r01 * y + r02 * z + translation[0]) * inverse
        up = (r10 * x + r11 * y + r12 * z + translation[1]) * inverse
        # The rows of J R, by which both the position and the tangents go to the picture.
        j00, j01, j02 = scale * (r00 + right * r20), scale * (r01 + right * r21), scale * (r02 + right * r22)
        j10, j11, j12 = -scale * (r10 + up * r20), -scale * (r11 + up * r21), -scale * (r12 + up * r22)
        ux, uy, uz, vx, vy, vz = splats[3, n], splats[4, n], splats[5, n], splats[6, n], splats[7, n], splats[8, n]  # fmt: skip  # noqa: E501
        a0, a1 = j00 * ux + j01 * uy + j02 * uz, j10 * ux + j11 * uy + j12 * uz
        b0, b1 = j00 * vx + j01 * vy + j02 * vz, j10 * vx + j11 * vy + j12 * vz
        xx, xy, yy = a0 * a0 + b0 * b0 + low, a0 * a1 + b0 * b1, a1 * a1 + b1 * b1 + low
        across = a0 * b1 - a1 * b0
        share = _ONE / (across * across + low * (xx + yy - low))
        q00, q01, q11 = yy * share, -xy * share, xx * share
        g00, g01, g11 = s[2] * _EIGHTH, s[3] * _EIGHTH, s[4] * _EIGHTH
        # Of the covariance: -Q G Q, with Q its inverse and G the gradient of Q.
        e00, e01 = g00 * q00 + g01 * q01, g00 * q01 + g01 * q11
        e10, e11 = g01 * q00 + g11 * q01, g01 * q01 + g11 * q11
        h00, h01, h11 = -(q00 * e00 + q01 * e10), -(q00 * e01 + q01 * e11), -(q01 * e01 + q11 * e11)
        du0, du1 = _TWO * (h00 * a0 + h01 * a1), _TWO * (h01 * a0 + h11 * a1)
        dv0, dv1 = _TWO * (h00 * b0 + h01 * b1), _TWO * (h01 * b0 + h11 * b1)
        out[0, n] += j00 * s[0] + j10 * s[1]
        out[1, n] += j01 * s[0] + j11 * s[1]
        out[2, n] += j02 * s[0] + j12 * s[1]
        out[3, n] += j00 * du0 + j10 * du1
        out[4, n] += j01 * du0 + j11 * du1
        out[5, n] += j02 * du0 + j12 * du1
        out[6, n] += j00 * dv0 + j10 * dv1
        out[7, n] += j01 * dv0 + j11 * dv1
        out[8, n] += j02 * dv0 + j12 * dv1
        o = splats[9, n]
        grown = _ONE + o * o
        out[9, n] += s[5] * _STRENGTH / (grown * np.sqrt(grown))
        out[10, n] += s[6]
        out[11, n] += s[7]
        out[12, n] += s[8]
