"""Files joined by copying one behind the other, where FFmpeg stops or stumbles after the first."""

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

OGG, MP4 = b"OggS", b"ftyp"
PAGE, FIRST_PAGE = 27, 0x02  # bytes of a page's head; a flag (RFC 3533, section 6)
UNKNOWN = 0x7FFF0000  # a RIFF this large or larger was written before its length was known
ODD = 256  # bytes by which a RIFF's length may be wrong, as some writers count


@dataclass(frozen=True)
class Part:
    """One recording of a file: bytes ``start`` to ``end``, and how many are missing for it to be whole."""

    path: Path
    start: int
    end: int
    missing: int = 0

    @property
    def url(self) -> str:
        """What FFmpeg opens. The prefix keeps a colon in the name from being read as a protocol."""
        whole = not self.start and self.end == self.path.stat().st_size
        return f"{'' if whole else f'subfile,,start,{self.start},end,{self.end},,:'}file:{self.path}"


def parts(path: Path) -> list[Part]:
    """The recordings that ``path`` consists of, in order: several where files of one kind were joined."""
    size = path.stat().st_size
    if size < PAGE:
        return [Part(path, 0, size)]
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] == OGG:
            return _split(path, data, *_ogg_starts(data))
        return _split(path, data, *_starts(data))


def _split(path: Path, data: mmap.mmap, starts: list[int], end: int) -> list[Part]:
    """``end``: where the last part would end if the file were whole."""
    *whole, last = starts
    missing = max(0, end - len(data))
    return [*map(Part, [path] * len(whole), whole, starts[1:]), Part(path, last, len(data), missing)]


def _ogg_starts(data: mmap.mmap) -> tuple[list[int], int]:
    """A link of a chain starts where first pages follow others (RFC 3533, section 4)."""
    starts, opening, end = [0], True, 0
    for place, first, end in _ogg_pages(data):  # noqa: B007
        if first and not opening:
            starts.append(place)
        opening = first
    return starts, end


def _ogg_pages(data: mmap.mmap) -> Iterator[tuple[int, bool, int]]:
    """Of each page its place, whether it is a stream's first, and its end; what is between is skipped."""
    place = 0
    while 0 <= place <= len(data) - PAGE:
        body = place + PAGE + data[place + PAGE - 1]
        end = body + sum(data[place + PAGE : body])
        yield place, bool(data[place + 5] & FIRST_PAGE), end
        place = end if data[end : end + 4] == OGG else data.find(OGG, place + 4)


def _starts(data: mmap.mmap) -> tuple[list[int], int]:
    """A file that tells its own length, followed by another of its kind."""
    starts, kind = [0], _kind(data, 0)
    if kind not in LENGTHS:
        return starts, len(data)
    while True:
        end = starts[-1] + LENGTHS[kind](data, starts[-1])
        if end >= len(data) or _kind(data, end) != kind:
            return starts, end if end > len(data) + ODD else len(data)
        starts.append(end)


def _kind(data: mmap.mmap, start: int) -> bytes:
    head = data[start : start + 12]
    if head[:4] in (b"RIFF", b"FORM"):
        return head[:4] + head[8:]
    return MP4 if head[4:8] == MP4 else head[:4]


def _riff(data: mmap.mmap, start: int) -> int:
    size = int.from_bytes(
        data[start + 4 : start + 8], "big" if data[start : start + 4] == b"FORM" else "little"
    )
    return 8 + size + size % 2 if 36 < size < UNKNOWN else len(data) - start


def _wave64(data: mmap.mmap, start: int) -> int:
    return int.from_bytes(data[start + 16 : start + 24], "little") or len(data) - start


def _caf(data: mmap.mmap, start: int) -> int:
    """Chunks of a name and a length; one of unknown length is the last (Core Audio Format, data chunk)."""
    place = start + 8
    while place + 12 <= len(data) and data[place : place + 4] != b"caff":
        size = int.from_bytes(data[place + 4 : place + 12], "big", signed=True)
        if size < 0:
            return len(data) - start
        place += 12 + size
    return place - start


def _mp4(data: mmap.mmap, start: int) -> int:
    """Boxes of a length and a name, up to the next file's first (ISO/IEC 14496-12, section 4.2)."""
    place = start
    while place + 16 <= len(data) and (place == start or data[place + 4 : place + 8] != MP4):
        size = int.from_bytes(data[place : place + 4], "big")
        size = int.from_bytes(data[place + 8 : place + 16], "big") if size == 1 else size
        if size < 8:
            return len(data) - start
        place += size
    return place - start


LENGTHS: dict[bytes, Callable[[mmap.mmap, int], int]] = {
    b"RIFFWAVE": _riff,
    b"RIFFAVI ": _riff,
    b"FORMAIFF": _riff,
    b"FORMAIFC": _riff,
    b"riff": _wave64,
    b"caff": _caf,
    MP4: _mp4,
}
"""Bytes of the file that starts at a place, by its kind: all there is where it does not tell."""
