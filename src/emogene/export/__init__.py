"""The motion as files: one writer per format, found by the name's ending.

A new format is one new file with a class like :class:`Motion`, and one line in :data:`FORMATS`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Protocol

from emogene.errors import EmoGeneError
from emogene.output import replacing
from emogene.performance import Performance

FORMATS: dict[str, str] = {
    ".npz": "emogene.export.npz:NpzMotion",
    ".png": "emogene.export.curves:Curves",
}
"""Ending -> ``module:class``."""


class Motion(Protocol):
    """A file of the motion being made; the class is called with what a run's metadata say."""

    def __init__(self, about: Mapping[str, object]) -> None: ...

    def add(self, performance: Performance) -> None:
        """The next stretch."""
        ...

    def write(self, path: Path) -> None:
        """All that was added, as the whole of a file."""
        ...


@contextmanager
def motion_writer(path: str | PathLike[str], about: Mapping[str, object]) -> Iterator[Motion]:
    """What takes the performance, for ``with``: the file is there, whole, when the block ends without an
    error. EmoGeneError for an ending that is none of :data:`FORMATS`."""
    check_format(path)
    module, name = FORMATS[Path(path).suffix.lower()].split(":")
    motion: Motion = getattr(import_module(module), name)(about)
    yield motion
    with replacing(path) as part:
        motion.write(part)


def check_format(path: str | PathLike[str]) -> None:
    """EmoGeneError for an ending that is none of :data:`FORMATS`."""
    if Path(path).suffix.lower() not in FORMATS:
        raise EmoGeneError(f"{path}: the motion is written as {', '.join(FORMATS)}")
