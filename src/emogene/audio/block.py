"""A piece of sound on its way from a file or an array to those who hear it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

USUAL = 0.5
"""Seconds of a gathered block, about."""


@dataclass(frozen=True)
class Block:
    """``samples [channels, n]`` float32, full scale 1, at ``rate`` a second.

    ``names``: FFmpeg's, of the channels.
    """

    samples: np.ndarray
    rate: int
    names: tuple[str, ...]

    def __len__(self) -> int:
        return self.samples.shape[1]

    @property
    def seconds(self) -> float:
        return len(self) / self.rate

    def upto(self, seconds: float) -> "Block":
        """Its start."""
        return Block(self.samples[:, : round(seconds * self.rate)], self.rate, self.names)

    def silence(self, seconds: float) -> Iterator["Block"]:
        """Blocks of the same kind in which nothing is heard, of bounded size."""
        left, most = round(seconds * self.rate), round(USUAL * self.rate)
        while left > 0:
            yield Block(np.zeros((len(self.names), min(left, most)), np.float32), self.rate, self.names)
            left -= most


def gathered(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same sound in blocks of about half a second, so that what follows has less to call."""
    held: list[Block] = []
    length = 0
    for block in blocks:
        if held and (_kind(block) != _kind(held[0]) or length >= USUAL * block.rate):
            yield _joined(held)
            held, length = [], 0
        held.append(block)
        length += len(block)
    if held:
        yield _joined(held)


def _kind(block: Block) -> tuple[int, tuple[str, ...]]:
    return block.rate, block.names


def _joined(blocks: list[Block]) -> Block:
    return Block(np.concatenate([block.samples for block in blocks], 1), *_kind(blocks[0]))
