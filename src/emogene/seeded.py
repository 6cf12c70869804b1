"""Random numbers by place: row k depends on the seed and on k alone, wherever one starts to read."""

from collections.abc import Callable

import numpy as np

_BLOCK = 64  # rows drawn together


def uniform(key: tuple[int, ...], first: int, stop: int, width: int = 1) -> np.ndarray:
    """Rows ``first`` to ``stop`` (``first`` at least 0) of uniform numbers in -1..1, ``[rows, width]``."""
    return _rows(key, first, stop, lambda draw: draw.uniform(-1, 1, (_BLOCK, width)))


def normal(key: tuple[int, ...], first: int, stop: int, width: int = 1) -> np.ndarray:
    """Rows ``first`` to ``stop`` of standard normal numbers, ``[rows, width]``."""
    return _rows(key, first, stop, lambda draw: draw.standard_normal((_BLOCK, width)))


def _rows(
    key: tuple[int, ...], first: int, stop: int, block: Callable[[np.random.Generator], np.ndarray]
) -> np.ndarray:
    blocks = range(first // _BLOCK, max(-(-stop // _BLOCK), first // _BLOCK + 1))
    drawn = np.concatenate([block(np.random.default_rng([*key, number])) for number in blocks])
    return drawn[first - blocks.start * _BLOCK : stop - blocks.start * _BLOCK]
