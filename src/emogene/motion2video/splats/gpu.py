"""The rasteriser in Triton: a program for each tile of the picture, a pixel for each lane; and the way back.

Projection, sorting and the tiles' lists are PyTorch's on the same device. On the processor it runs in
Triton's interpreter (``TRITON_INTERPRET=1``), for tests.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from emogene.motion2video.splats.layout import LEAST_OPAQUE, OPAQUE_ENOUGH
from emogene.motion2video.splats.torch_twin import Footprints

TILE = 16
RECORD = 9  # mean x, y; conic a, b, c; opacity; red, green, blue


def raster_triton(footprints: Footprints, width: int, height: int) -> Tensor:
    """Like :func:`.torch_twin.raster_torch`, with a tile's list instead of every splat at every pixel."""
    records, boxes = _sorted(footprints, width, height)
    starts, entries = _tiles(boxes, width, height)
    return _Raster.apply(records, starts, entries, width, height)  # pyright: ignore[reportReturnType]


def _sorted(footprints: Footprints, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Visible splats front to back: ``[M, 9]`` with gradients, and boxes ``[M, 4]`` (x0 x1 y0 y1) without."""
    with torch.no_grad():
        size = footprints.mean.new_tensor([width, height])[:, None]
        low = (footprints.mean - footprints.extent).clamp_min(0).floor()
        high = torch.minimum(footprints.mean + footprints.extent, size).ceil()
        shown = (high > low).all(0) & (footprints.opacity > LEAST_OPAQUE) & (footprints.depth > 0)
        order = footprints.depth.argsort(stable=True)
        order = order[shown[order]]
        boxes = torch.stack([low[0], high[0], low[1], high[1]], 1)[order].int()
    columns = [footprints.mean, footprints.conic, footprints.opacity[None], footprints.colour]
    return torch.cat(columns).T[order].contiguous(), boxes


def _tiles(boxes: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Which records each tile shows, front to back: ``starts [tiles + 1]`` and ``entries``."""
    across, down = -(-width // TILE), -(-height // TILE)
    left, right = boxes[:, 0] // TILE, (boxes[:, 1] - 1) // TILE
    top, bottom = boxes[:, 2] // TILE, (boxes[:, 3] - 1) // TILE
    wide, high = right - left + 1, bottom - top + 1
    counts = wide * high
    record = torch.repeat_interleave(torch.arange(len(boxes), device=boxes.device), counts)
    first = (counts.cumsum(0) - counts)[record]
    nth = torch.arange(len(record), device=boxes.device) - first
    tile = (top[record] + nth // wide[record]) * across + left[record] + nth % wide[record]
    order = tile.argsort(stable=True)
    starts = torch.searchsorted(tile[order], torch.arange(across * down + 1, device=boxes.device))
    return starts.int(), record[order].int()


class _Raster(torch.autograd.Function):
    @staticmethod
    def forward(ctx, records: Tensor, starts: Tensor, entries: Tensor, width: int, height: int) -> Tensor:
        out = records.new_empty(4, height, width)
        launch: Any = _forward
        launch[(len(starts) - 1,)](
            *(records, starts, entries, out, width, height, -(-width // TILE)),
            SIDE=TILE, STRIDE=RECORD, ENOUGH=OPAQUE_ENOUGH,
        )  # fmt: skip
        ctx.save_for_backward(records, starts, entries, out)
        return out

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        records, starts, entries, out = ctx.saved_tensors
        height, width = out.shape[1:]
        result = torch.zeros_like(records)
        launch: Any = _backward
        launch[(len(starts) - 1,)](
            *(records, starts, entries, out, gradients[0].contiguous(), result),
            *(width, height, -(-width // TILE)),
            SIDE=TILE, STRIDE=RECORD, ENOUGH=OPAQUE_ENOUGH,
        )  # fmt: skip
        return result, None, None, None, None


@triton.jit
def _forward(
    records, starts, entries, out, width, height, across,
    SIDE: tl.constexpr, STRIDE: tl.constexpr, ENOUGH: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(0)
    lane = tl.arange(0, SIDE * SIDE)
    column, row = tile % across * SIDE + lane % SIDE, tile // across * SIDE + lane // SIDE
    inside = (column < width) & (row < height)
    x, y = column.to(tl.float32) + 0.5, row.to(tl.float32) + 0.5
    left = tl.full((SIDE * SIDE,), 1.0, tl.float32)
    red, green, blue = left * 0, left * 0, left * 0
    entry, end = tl.load(starts + tile), tl.load(starts + tile + 1)
    most = 1.0
    while (entry < end) & (most >= ENOUGH):
        record = records + tl.load(entries + entry) * STRIDE
        dx, dy = x - tl.load(record), y - tl.load(record + 1)
        a, b, c = tl.load(record + 2), tl.load(record + 3), tl.load(record + 4)
        h = tl.maximum(1 - a * dx * dx - b * dx * dy - c * dy * dy, 0.0)
        weight = tl.load(record + 5) * h * h * h * h * left
        red += weight * tl.load(record + 6)
        green += weight * tl.load(record + 7)
        blue += weight * tl.load(record + 8)
        left -= weight
        most = tl.max(tl.where(inside, left, 0.0), 0)
        entry += 1
    place, plane = out + row * width + column, width * height
    tl.store(place, red, mask=inside)
    tl.store(place + plane, green, mask=inside)
    tl.store(place + 2 * plane, blue, mask=inside)
    tl.store(place + 3 * plane, left, mask=inside)


@triton.jit
def _backward(
    records, starts, entries, out, gradient, result, width, height, across,
    SIDE: tl.constexpr, STRIDE: tl.constexpr, ENOUGH: tl.constexpr,
):  # fmt: skip
    tile = tl.program_id(0)
    lane = tl.arange(0, SIDE * SIDE)
    column, row = tile % across * SIDE + lane % SIDE, tile // across * SIDE + lane // SIDE
    inside = (column < width) & (row < height)
    x, y = column.to(tl.float32) + 0.5, row.to(tl.float32) + 0.5
    place, plane = row * width + column, width * height
    to_red = tl.load(gradient + place, mask=inside, other=0.0)
    to_green = tl.load(gradient + plane + place, mask=inside, other=0.0)
    to_blue = tl.load(gradient + 2 * plane + place, mask=inside, other=0.0)
    to_left = tl.load(gradient + 3 * plane + place, mask=inside, other=0.0)
    # What is still to come behind a splat, weighed by the gradient.
    rest = to_red * tl.load(out + place, mask=inside, other=0.0)
    rest += to_green * tl.load(out + plane + place, mask=inside, other=0.0)
    rest += to_blue * tl.load(out + 2 * plane + place, mask=inside, other=0.0)
    rest += to_left * tl.load(out + 3 * plane + place, mask=inside, other=0.0)
    left = tl.full((SIDE * SIDE,), 1.0, tl.float32)
    entry, end = tl.load(starts + tile), tl.load(starts + tile + 1)
    most = 1.0
    while (entry < end) & (most >= ENOUGH):
        index = tl.load(entries + entry)
        record, total = records + index * STRIDE, result + index * STRIDE
        dx, dy = x - tl.load(record), y - tl.load(record + 1)
        a, b, c = tl.load(record + 2), tl.load(record + 3), tl.load(record + 4)
        opacity = tl.load(record + 5)
        h = tl.maximum(1 - a * dx * dx - b * dx * dy - c * dy * dy, 0.0)
        shape = h * h * h * h
        alpha = opacity * shape
        weight = alpha * left
        value = to_red * tl.load(record + 6) + to_green * tl.load(record + 7) + to_blue * tl.load(record + 8)
        rest -= weight * value
        of_alpha = tl.where(inside, left * value - rest / (1 - alpha), 0.0)
        of_h = of_alpha * opacity * 4 * h * h * h
        tl.atomic_add(total, tl.sum(of_h * (2 * a * dx + b * dy), 0))
        tl.atomic_add(total + 1, tl.sum(of_h * (b * dx + 2 * c * dy), 0))
        tl.atomic_add(total + 2, -tl.sum(of_h * dx * dx, 0))
        tl.atomic_add(total + 3, -tl.sum(of_h * dx * dy, 0))
        tl.atomic_add(total + 4, -tl.sum(of_h * dy * dy, 0))
        tl.atomic_add(total + 5, tl.sum(of_alpha * shape, 0))
        tl.atomic_add(total + 6, tl.sum(weight * to_red, 0))
        tl.atomic_add(total + 7, tl.sum(weight * to_green, 0))
        tl.atomic_add(total + 8, tl.sum(weight * to_blue, 0))
        left -= weight
        most = tl.max(tl.where(inside, left, 0.0), 0)
        entry += 1
