"""What a stage is, and the one runner that feeds it: whole files in blocks, or live pieces as they come.

A stage is a function of whole arrays whose output at a time depends on a bounded stretch of the input around
that time only, and it says how far that stretch reaches. So it need not know where it is called from: the
runner hands it a stretch of the input and keeps the part of the output that has seen all it looks at. Pieces
of any size then give the numbers of the whole.
"""

from abc import ABC, abstractmethod
from fractions import Fraction

import numpy as np

from emogene.clock import frame_count, resample

BLOCK = 20
"""Seconds computed at a time, at most: what bounds the memory of a stage."""


class Stage(ABC):
    """Rows of one or more inputs, ``heard`` of them a second, to rows of outputs, ``rate`` a second.

    The outputs within ``step`` input rows (a group) depend on the input from ``look_back`` rows before the
    group to ``look_ahead`` rows after it. ``look_ahead`` is None where the whole recording must be heard
    first (the official networks). ``outputs``: how many arrays come out.
    """

    heard: Fraction
    rate: Fraction
    step: int = 1
    look_back: int = 0
    look_ahead: int | None = 0
    outputs: int = 1

    @abstractmethod
    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """The outputs within ``inputs [T, ...]``, T at least 1, rounded up to whole groups of ``step`` rows.

        The inputs are rows ``first`` (a multiple of ``step``) to ``first + T`` of a recording. Where it goes
        on beyond them, the outputs near that end are not used.
        """

    def frames(self, rows: int) -> int:
        """Outputs whose time lies within the first ``rows`` of the input."""
        return frame_count(rows / self.heard, self.rate)

    @property
    def delay(self) -> Fraction | None:
        """Seconds of sound after an output's own time that it waits for, at most; None: all of it."""
        return None if self.look_ahead is None else (self.look_ahead + self.step) / self.heard


class Stream:
    """One stage at work on one recording. Its state: the input that is still needed, and how far it is."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._pieces: list[list[np.ndarray]] = []  # of each input, from row self._first on
        self._known: list[int] = []  # rows of each input so far
        self._first = 0
        self._done = 0  # groups
        self._told = 0  # outputs

    def push(self, *pieces: np.ndarray | None, end: Fraction | None = None) -> tuple[np.ndarray | None, ...]:
        """The outputs that the next ``pieces [n, ...]`` of the inputs (None: nothing new of one) make
        possible, in order; None where there are none.

        ``end``: the recording's duration in seconds, with its last pieces; the outputs then end with frame
        ``ceil(end * rate) - 1``.
        """
        self._take(pieces)
        stage, known = self.stage, min(self._known)
        groups = -(-known // stage.step) if end is not None else self._ready(known)
        size = max(1, int(BLOCK * stage.heard / stage.step))
        if stage.look_ahead is None:
            size = max(groups, 1)
        blocks = []
        while self._done < groups:
            blocks.append(self._compute(min(self._done + size, groups), known))
        total = None if end is None else frame_count(end, stage.rate)
        return self._tell(blocks, total)

    def _take(self, pieces: tuple[np.ndarray | None, ...]) -> None:
        if not self._pieces:
            self._pieces, self._known = [[] for _ in pieces], [0] * len(pieces)
        for i, piece in enumerate(pieces):
            if piece is not None and len(piece):
                self._pieces[i].append(piece)
                self._known[i] += len(piece)

    def _ready(self, known: int) -> int:
        """Groups that can be computed while the recording goes on."""
        if self.stage.look_ahead is None:
            return 0
        return max(self._done, (known - self.stage.look_ahead) // self.stage.step)

    def _compute(self, stop: int, known: int) -> tuple[np.ndarray, ...]:
        """Groups up to ``stop``; the input that nothing later needs is forgotten."""
        stage = self.stage
        needed = known if stage.look_ahead is None else min(known, stop * stage.step + stage.look_ahead)
        window = [self._rows(rows, needed) for rows in self._pieces]
        inside = slice(stage.frames(self._done * stage.step), stage.frames(stop * stage.step))
        before = stage.frames(self._first)
        results = stage(self._first, *window)
        self._done = stop
        self._forget()
        return tuple(rows[inside.start - before : inside.stop - before] for rows in results)

    def _rows(self, pieces: list[np.ndarray], stop: int) -> np.ndarray:
        """Rows ``self._first`` to ``stop`` of one input."""
        if len(pieces) > 1:
            pieces[:] = [np.concatenate(pieces)]
        return pieces[0][: stop - self._first]

    def _forget(self) -> None:
        stage = self.stage
        first = max(0, self._done * stage.step - stage.look_back) // stage.step * stage.step
        for rows in self._pieces:
            # A copy, so that what was forgotten can be freed.
            rows[:] = [rows[0][first - self._first :].copy()]
        self._first = first

    def _tell(self, blocks: list[tuple[np.ndarray, ...]], total: int | None) -> tuple[np.ndarray | None, ...]:
        if not blocks:
            return (None,) * self.stage.outputs
        outputs = [[block[i] for block in blocks] for i in range(self.stage.outputs)]
        rows = [np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in outputs]
        if total is not None:
            rows = [part[: total - self._told] for part in rows]
        self._told += len(rows[0])
        return tuple(rows) if len(rows[0]) else (None,) * self.stage.outputs


def run(stage: Stage, *inputs: np.ndarray, duration: Fraction) -> tuple[np.ndarray, ...]:
    """All outputs of whole ``inputs [T, ...]``, computed in blocks of bounded memory; T at least 1."""
    outputs = Stream(stage).push(*inputs, end=duration)
    assert all(rows is not None for rows in outputs)
    return outputs  # pyright: ignore[reportReturnType]


class Resample(Stage):
    """Linear interpolation to another rate; the last row is held to the end."""

    look_back, look_ahead = 0, 1

    def __init__(self, heard: Fraction, rate: Fraction) -> None:
        self.heard, self.rate = heard, rate
        if heard == rate:
            self.look_ahead = 0

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (rows,) = inputs
        start, stop = self.frames(first), self.frames(first + len(rows))
        lead = start / self.rate - first / self.heard
        return (resample(rows, self.heard, self.rate, stop - start, lead),)


class Aligned:
    """Several streams of rows that run ahead of each other, to be taken in step."""

    def __init__(self, count: int) -> None:
        self._waiting: list[list] = [[] for _ in range(count)]

    def push(self, *pieces) -> list | None:
        """As many rows of each as all have, after the next ``pieces`` (None: nothing new); None for none.

        Pieces are arrays, or anything that has a length, slices, and joins by ``type(piece).join``.
        """
        for waiting, piece in zip(self._waiting, pieces, strict=True):
            if piece is not None and len(piece):
                waiting.append(piece)
        ready = min(sum(map(len, waiting)) for waiting in self._waiting)
        if not ready:
            return None
        whole = [_joined(waiting) for waiting in self._waiting]
        self._waiting = [[rows[ready:]] for rows in whole]
        return [rows[:ready] for rows in whole]


def _joined(pieces: list):
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if isinstance(pieces[0], np.ndarray) else type(pieces[0]).join(pieces)
