"""Sizes of a multi-resolution grid, and where the rows of its levels lie (Müller et al. 2022)."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

PRIMES = (1, 2654435761, 805459861)
UINT32 = 0xFFFFFFFF
FEATURES = 2  # numbers per level


class GridLayout(NamedTuple):
    """Where the corners of a cell lie in the table, level by level."""

    offsets: np.ndarray
    """``[levels + 1]`` int32: first row of each level."""
    scales: np.ndarray
    """``[levels]`` float32: cells across the unit interval."""
    strides: np.ndarray
    """``[levels, 4]`` uint32: row stride of x, y and z (0 in 2-D), and whether the level is hashed."""
    masks: np.ndarray
    """``[levels]`` uint32: a row index is taken modulo the level's rows by this mask."""
    smoothstep: bool


@dataclass(frozen=True)
class GridConfig:
    """Sizes of a grid encoding; the defaults are the official ones."""

    dimensions: int = 3
    """Of the coordinates: 2 or 3."""
    levels: int = 16
    base_resolution: int = 16
    finest_resolution: int = 2048
    log2_rows: int = 16
    """The largest table of one level has 2**log2_rows rows."""
    hashed: bool = False
    """Beyond that size: spatial hash, or (official) tiles."""
    smoothstep: bool = False

    @property
    def width(self) -> int:
        """Numbers per point."""
        return self.levels * FEATURES

    @property
    def rows(self) -> int:
        """Of the table, all levels together."""
        return int(self.layout.offsets[-1])

    @cached_property
    def layout(self) -> GridLayout:
        offsets = self._offsets()
        scales, rows = self._scales(), np.diff(offsets)
        strides = np.stack([self._strides(r, s) for r, s in zip(rows.tolist(), scales, strict=True)])
        masks = np.where(rows == 2**self.log2_rows, rows - 1, UINT32).astype(np.uint32)
        return GridLayout(offsets, scales, strides, masks, self.smoothstep)

    @cached_property
    def _growth(self) -> float:
        """log2 of the ratio of the resolutions of two neighbouring levels."""
        steps = max(self.levels - 1, 1)
        return float(np.log2(self.finest_resolution / self.base_resolution) / steps)

    def _offsets(self) -> np.ndarray:
        sizes = []
        for level in range(self.levels):
            side = int(np.ceil(self.base_resolution * 2 ** (level * self._growth))) + 1
            rows = min(2**self.log2_rows, side**self.dimensions)
            sizes.append(-(-rows // 8) * 8)
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)

    def _scales(self) -> np.ndarray:
        exponent = np.arange(self.levels, dtype=np.float32) * np.float32(self._growth)
        return np.exp2(exponent) * np.float32(self.base_resolution) - np.float32(1)

    def _strides(self, rows: int, scale: np.float32) -> np.ndarray:
        """``[4]`` of one level. A tiled level drops the coordinates whose stride exceeds its rows; a hashed
        one multiplies by primes."""
        strides, side, stride = np.zeros(4, np.uint32), int(np.ceil(scale)) + 2, 1
        for axis in range(self.dimensions):
            if stride > rows:
                break
            strides[axis] = stride
            stride *= side
        if self.hashed and stride > rows:
            strides[: self.dimensions], strides[3] = PRIMES[: self.dimensions], 1
        return strides
