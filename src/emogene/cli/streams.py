"""Standard output and error, whatever they are: closed, full, or unable to show a name."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO

from emogene.errors import EmoGeneError


def prepare_streams() -> None:
    """Closed streams swallow what is written, and what cannot be shown is escaped (``\\u58f0``).

    A file that is opened later would otherwise take the number of a closed stream, and what a library writes
    to standard output would end in it.
    """
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(free)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def silence(stream: TextIO) -> None:
    """Nothing more goes where ``stream`` goes: its reader is gone, or the disk is full."""
    with suppress(OSError, ValueError):  # not a real file, as under a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def show(*lines: object) -> None:
    """Lines that are what was asked for, on standard output. EmoGeneError where that takes none;
    BrokenPipeError where its reader has seen enough."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError as error:
        silence(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise EmoGeneError(f"standard output: cannot be written ({error.strerror})") from None


def say(*lines: object) -> None:
    """Name what was made, on standard output. Where that takes nothing, the work was done all the same."""
    with suppress(EmoGeneError, BrokenPipeError):
        show(*lines)


def note(line: str) -> None:
    """One line for the user's eyes, on standard error."""
    try:
        print(" ".join(f"emogene: {line}".splitlines()), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)
