"""How far a piece of work is: the one way in which everything long says so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T", covariant=True)

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""


def silent(what: str, done: int, total: int) -> None:
    """Says nothing."""


class Countable(Protocol[T]):
    """Items whose number is known: a sequence, an array."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[T]: ...


def over(items: Countable[T], what: str, progress: Progress) -> Iterator[T]:
    """The items one by one; each is a step, done when the next is asked for."""
    progress(what, 0, len(items))
    for done, item in enumerate(items, 1):
        yield item
        progress(what, done, len(items))


@contextmanager
def bars() -> Iterator[Progress]:
    """A :data:`Progress` that draws bars on standard error, with the time that is left.

    A step with a new name that goes on where the last one ended, in as many steps, goes on in its bar.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    shown = Bars(TextColumn("{task.description:<24}"), *columns, console=Console(stderr=True))
    known: dict[str, TaskID] = {}
    last: tuple[TaskID, int, int] | None = None

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        if what not in known:
            goes_on = last is not None and last[2] == total and last[1] < done
            known[what] = last[0] if last and goes_on else shown.add_task(what, total=total)
        shown.start()
        shown.update(known[what], description=what, completed=done, total=total)
        last = known[what], done, total

    try:
        yield show
    finally:
        if known:  # where nothing was said, nothing is drawn
            shown.stop()
