"""Writing a file so that it is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emogene.errors import EmoGeneError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name at the end, and is removed on any failure.

    Raises EmoGeneError, one line, where the folder is missing or the system refuses to write (no permission,
    disk full).
    """
    path = Path(path)
    check_writable(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        os.replace(beside, path)
    except OSError as error:
        raise EmoGeneError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        beside.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Fail now rather than after the work: EmoGeneError where ``path`` cannot be created or replaced."""
    path = Path(path)
    if path.is_dir():
        raise EmoGeneError(f"{path}: is a folder; give a file name")
    if not path.parent.is_dir():
        raise EmoGeneError(f"{path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise EmoGeneError(f"{path}: no permission to write in {path.parent.resolve()}")
