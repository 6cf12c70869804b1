"""Writing a file so that it is there whole or not at all, and never over what the work is made from."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import combinations, product
from pathlib import Path
from secrets import token_hex
from unicodedata import normalize

from emogene.errors import EmoGeneError

StrPath = str | os.PathLike[str]
FULL = {errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EDQUOT}
"""What only writing can meet."""
_unfinished: set[Path] = set()  # temporary files of this process


@contextmanager
def replacing(path: StrPath) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name at the end, and is removed on any failure.

    The temporary name is short and unique: any number of writers may have one target, and the last one wins.
    A link stays, and what it points to is replaced. Raises EmoGeneError, one line, where the file cannot be
    opened, the disk is full or the name is refused; any other error in between is not the output's.
    """
    check_writable(path)
    target = Path(os.path.realpath(path))
    beside = _unused(target.parent)
    _unfinished.add(beside)
    try:
        yield beside
        os.replace(beside, target)
    except OSError as error:
        if error.errno in FULL or beside.name in str(error.filename):
            raise EmoGeneError(f"{os.fspath(path)}: cannot be written ({_reason(error)})") from error
        raise
    finally:
        beside.unlink(missing_ok=True)
        _unfinished.discard(beside)


def discard_unfinished() -> None:
    """Remove what is being written now; for a process that is about to end without further ado."""
    for beside in list(_unfinished):
        with suppress(OSError):
            beside.unlink()


def check_writable(path: StrPath) -> None:
    """Fail now rather than after the work: EmoGeneError where ``path`` cannot be created or replaced."""
    path = Path(path)
    try:
        target = Path(os.path.realpath(path))
        with suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(target)  # refuses names that are too long
        if target.is_dir():
            raise EmoGeneError(f"{path}: is a folder; give a file name")
        if target.exists() and not target.is_file():
            raise EmoGeneError(f"{path}: is not an ordinary file")
        if not target.parent.is_dir():
            raise EmoGeneError(f"{path}: the folder {target.parent} does not exist")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise EmoGeneError(f"{path}: no permission to write in {target.parent}")
    except (OSError, ValueError) as error:
        raise EmoGeneError(f"{path}: cannot be written ({_reason(error)})") from None


def check_outputs(outputs: Iterable[StrPath], inputs: Iterable[StrPath] = ()) -> None:
    """EmoGeneError where writing ``outputs`` would destroy one of ``inputs``, or another output.

    Links, other spellings of a path and file systems that ignore case are seen through. Each output must be
    writable, as :func:`check_writable` has it.
    """
    written, read = [Path(path) for path in outputs], [Path(path) for path in inputs]
    for path in written:
        check_writable(path)
    for output, source in product(written, read):
        if _same(output, source):
            raise EmoGeneError(f"{output}: is an input, which would be overwritten; give another name")
    for first, second in combinations(written, 2):
        if _same(first, second) or _same_when_written(first, second):
            raise EmoGeneError(f"{second}: would be written twice; give each output a name of its own")


def _same(first: Path, second: Path) -> bool:
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):  # one of them is not there
        return False


def _same_when_written(first: Path, second: Path) -> bool:
    """Whether two names of which one at least is of nothing yet would be of one file."""
    one, other = Path(os.path.realpath(first)), Path(os.path.realpath(second))
    if not one.parent.samefile(other.parent):
        return False
    names = [normalize("NFC", path.name) for path in (one, other)]
    if names[0].casefold() != names[1].casefold():
        return False
    return names[0] == names[1] or _ignores_case(one.parent)


def _ignores_case(folder: Path) -> bool:
    """Of a folder that can be written."""
    probe = _unused(folder)
    probe.touch(exist_ok=False)
    try:
        return probe.with_name(probe.name.upper()).exists()
    finally:
        probe.unlink()


def _unused(folder: Path) -> Path:
    return folder / f".{token_hex(8)}.part"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
