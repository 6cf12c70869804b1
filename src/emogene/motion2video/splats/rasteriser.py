"""Splats to pictures and back on one thread of the processor, with buffers that are kept."""

import numpy as np

from emogene.motion2video.splats.layout import LOW_PASS, ROWS
from emogene.motion2video.splats.view import View

Layer = tuple[np.ndarray, View]
"""Splats float32 ``[13, N]`` and from where they are seen."""

f4 = np.float32


class Rasteriser:
    """For pictures of ``width`` x ``height`` pixels. One object for each thread: results are its buffers."""

    def __init__(self, width: int, height: int) -> None:
        from emogene.motion2video.splats import cpu  # numba, which takes a while to import

        self.cpu, self.width, self.height = cpu, width, height
        self.across = -(-width // cpu.TILE_WIDTH)
        self.starts = np.zeros(self.across * -(-height // cpu.TILE_HEIGHT) + 1, np.int32)
        self.entries = np.empty(0, np.int32)
        self.out = np.empty((4, height, width), f4)
        self.total = 0
        self._room(0)

    def layers(self, *layers: Layer) -> np.ndarray:
        """``[4, H, W]``: premultiplied colour, transmittance; the first layer is in front of the second."""
        self.place(*layers)
        self.cpu.raster(self.records, self.starts, self.entries, self.across, self.out)
        return self.out

    def picture(self, background: np.ndarray, *layers: Layer) -> np.ndarray:
        """uint8 ``[H, W, 3]`` over ``background``, uint8 ``[H, W, 3]``; a new array."""
        self.place(*layers)
        picture = np.empty((self.height, self.width, 3), np.uint8)
        self.cpu.raster_picture(self.records, self.starts, self.entries, self.across, background, picture)
        return picture

    def backward(self, gradient: np.ndarray, splats: np.ndarray, view: View, out: np.ndarray) -> None:
        """Adds to ``out [13, N]`` the gradient of ``splats``, the one layer that :meth:`layers` drew last.

        ``gradient [4, H, W]``: of what it returned. What a splat's place changes in the size of its own
        footprint is left out (a thousandth of the rest: the camera is far).
        """
        sums = np.zeros((self.total, self.cpu.GRADIENTS), f4)
        self.cpu.raster_backward(
            self.records, self.starts, self.entries, self.across, self.out, gradient, sums
        )
        focal, low = _lens(view)
        rotation, translation = _pose(view)
        self.cpu.project_backward(
            splats, rotation, translation, focal, low, self.index, self.total, sums, out
        )  # fmt: skip

    def visible(self) -> np.ndarray:
        """``[N]``: the largest weight of each splat that was drawn last, in any pixel."""
        largest = np.zeros(self.total, f4)
        self.cpu.largest_weights(
            self.records, self.starts, self.entries, self.across, self.width, self.height, largest
        )
        result = np.zeros(len(self.index), f4)
        result[self.index[: self.total]] = largest
        return result

    def place(self, *layers: Layer) -> None:
        """Project, sort, and list by tile."""
        ends = np.cumsum([0, *(splats.shape[1] for splats, _ in layers)])
        if ends[-1] != len(self.index):
            self._room(int(ends[-1]))
        for (splats, view), start, end in zip(layers, ends[:-1], ends[1:], strict=True):
            focal, low = _lens(view)
            cx, cy = (f4(c) for c in view.camera.centre)
            self.cpu.project(splats, *_pose(view), focal, cx, cy, low, self.footprints[:, start:end])
        self.total = self.cpu.sort(self.footprints, ends, self.width, self.height, self.records, self.index)
        length = self.cpu.count_tiles(self.records, self.total, self.across, self.starts)
        if length > len(self.entries):
            self.entries = np.empty(length + length // 4, np.int32)
        self.cpu.list_tiles(self.records, self.total, self.across, self.starts, self.entries)

    def _room(self, count: int) -> None:
        self.footprints = np.empty((12, count), f4)
        self.records = _aligned(count, self.cpu.RECORD)
        self.index = np.empty(count, np.int32)


def _lens(view: View) -> tuple[np.float32, np.float32]:
    return f4(view.camera.focal), f4(LOW_PASS * view.camera.focal**2)


def _pose(view: View) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(view.rotation, f4), np.ascontiguousarray(view.translation, f4)


def _aligned(rows: int, width: int) -> np.ndarray:
    """float32 ``[rows, width]`` that begins at a cache line."""
    room = np.empty(rows * width + 16, f4)
    skipped = (-room.ctypes.data % 64) // 4
    return room[skipped : skipped + rows * width].reshape(rows, width)


def check(splats: np.ndarray) -> np.ndarray:
    """``splats`` as the kernels want them: float32 ``[13, N]``, contiguous."""
    if splats.ndim != 2 or splats.shape[0] != ROWS:
        raise ValueError(f"splats must be [{ROWS}, N], not {list(splats.shape)}")
    return np.ascontiguousarray(splats, f4)
