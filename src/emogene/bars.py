"""Progress bars on standard error, with the time that is left."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def bars() -> Progress:
    """To be entered, and given tasks."""
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def over(items: Sequence[Any], what: str) -> Iterator[Any]:
    """The items one by one, under a bar named ``what``."""
    with bars() as shown:
        yield from shown.track(items, description=what)


def silently(items: Sequence[Any], what: str) -> Iterable[Any]:
    """The items, as :func:`over` gives them, and no bar."""
    del what
    return items
