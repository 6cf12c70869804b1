"""Samples that a program holds, or gets as they come, as blocks."""

from collections.abc import Iterable, Iterator
from threading import Lock

import numpy as np

from emogene.audio.block import USUAL, Block
from emogene.audio.downmix import UNNAMED
from emogene.errors import EmoGeneError

RATES = range(1_000, 1_000_001)
MOST_CHANNELS = 64
NAMES = {1: ("FC",), 2: ("FL", "FR")}


def array_blocks(arrays: Iterable[np.ndarray], rate: int | None) -> Iterator[Block]:
    """Arrays ``[n]`` or ``[n, channels]`` at ``rate``, which follow each other, in blocks of bounded size.

    Full scale is 1, or what the integers can hold. EmoGeneError, one line, for what is no sound; a wrong rate
    is told at once.
    """
    if rate is None or rate not in RATES:
        raise EmoGeneError(f"the rate of the samples is {RATES[0]} to {RATES[-1]} a second, not {rate}")
    return (block for array in arrays for block in _blocks(np.asarray(array), int(rate)))


def _blocks(array: np.ndarray, rate: int) -> Iterator[Block]:
    if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[1] <= MOST_CHANNELS):
        raise EmoGeneError(f"sound is an array [n] or [n, channels], not {list(array.shape)}")
    if array.dtype.kind not in "fiu":
        raise EmoGeneError(f"sound is an array of floats or integers, not {array.dtype}")
    columns = array[:, None] if array.ndim == 1 else array
    names = NAMES.get(columns.shape[1], (UNNAMED,) * columns.shape[1])
    step = round(USUAL * rate)
    for start in range(0, len(columns), step):
        yield Block(_full_scale(columns[start : start + step].T), rate, names)


def _full_scale(samples: np.ndarray) -> np.ndarray:
    """The same as float32, full scale 1; unsigned integers are silent in their middle."""
    if samples.dtype.kind == "f":
        return np.ascontiguousarray(samples, np.float32)
    half = 2.0 ** (8 * samples.dtype.itemsize - 1)
    zero = half if samples.dtype.kind == "u" else 0.0
    return np.ascontiguousarray((samples - zero) / half, np.float32)


class ReadOnce:
    """Blocks that come once, as from a microphone, for those who each go through all of them."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks, self._kept, self._lock = blocks, list[Block](), Lock()

    def __call__(self) -> Iterator[Block]:
        """From the first on; one that did not come yet is waited for."""
        place = 0
        while self._has(place):
            yield self._kept[place]
            place += 1

    def _has(self, place: int) -> bool:
        with self._lock:
            if place == len(self._kept):
                self._kept.extend(block for block in [next(self._blocks, None)] if block is not None)
            return place < len(self._kept)
