"""A file with sound: its parts, its tracks, and what is wrong with it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from emogene.audio.block import Block, gathered
from emogene.audio.damage import Damage
from emogene.audio.decode import REMEDY, TrackDecoder, reason, why_not
from emogene.audio.joined import Part, parts
from emogene.errors import EmoGeneError

PROBED = 2  # seconds that must decode before anything else is done
DEFAULT = 0x1  # disposition of a stream


class SoundFile:
    """One sound track of one file, which can be decoded again and again.

    ``track``: 1 is the file's first sound track; by default the one it marks as default, else the first that
    is not silent. Raises EmoGeneError, one line that names the file, where it is missing, is not audio, has
    no sound, or none that FFmpeg can decode. ``warnings`` tell which track was taken where there are several,
    and, after a whole round of :meth:`blocks`, what was damaged or cut off.
    """

    def __init__(self, path: Path, track: int | None = None) -> None:
        self.path, self.warnings = path, list[str]()
        _check(path)
        self._parts = parts(path)
        self._track = 0
        self._track = self._choose(track)
        self._probe()

    @property
    def seconds(self) -> Fraction | None:
        """How long it is, by what the file says of itself; None where it says nothing."""
        total = Fraction(0)
        for part in self._parts:
            with self._open(part) as container:
                if container.duration is None:
                    return None
                total += Fraction(container.duration, av.time_base)
        return total

    def blocks(self) -> Iterator[Block]:
        """The sound from the container's start: silence where it starts later, and where packets are lost."""
        damage, elapsed = Damage(), 0.0
        for part in self._parts:
            with self._open(part) as container:
                stream = self._stream(container)
                track = TrackDecoder(self.path, container, stream, damage, elapsed)
                for block in gathered(track.blocks()):
                    elapsed += block.seconds
                    yield block
            if part.missing:
                damage.cut = f"is cut off: {part.missing} bytes are missing at its end"
        if str(damage):
            self._warn(str(damage))

    def _warn(self, what: str) -> None:
        line = f"{self.path}: {what}"
        if line not in self.warnings:
            self.warnings.append(line)

    def _open(self, part: Part) -> InputContainer:
        try:
            # The whitelist keeps playlists local.
            return av.open(part.url, options={"protocol_whitelist": "file,subfile"})
        except PermissionError:
            raise EmoGeneError(f"{self.path}: no permission to read it") from None
        except (FFmpegError, UnicodeError) as error:
            raise EmoGeneError(f"{self.path}: {why_not(self.path, error)}") from None

    def _stream(self, container: InputContainer) -> av.AudioStream:
        tracks = container.streams.audio
        if not tracks:
            raise EmoGeneError(f"{self.path}: has no sound; give a file with an audio stream")
        stream = tracks[min(self._track, len(tracks) - 1)]
        if stream.codec_context is None:
            raise EmoGeneError(f"{self.path}: the codec of its sound is not supported; {REMEDY}")
        return stream

    def _choose(self, track: int | None) -> int:
        """The index among the sound tracks."""
        with self._open(self._parts[0]) as container:
            streams = container.streams.audio
            count, marked = len(streams), [i for i, s in enumerate(streams) if s.disposition & DEFAULT]
        if track is not None and not 1 <= track <= max(1, count):
            raise EmoGeneError(f"{self.path}: there is no sound track {track} among its {count}")
        if count < 2 or track is not None:
            return (track or 1) - 1
        candidates = marked or list(range(count))
        chosen = candidates[0]
        if len(candidates) > 1:
            chosen = next(filter(self._sounds, candidates), chosen)
        self._warn(f"has {count} sound tracks; track {chosen + 1} is used")
        return chosen

    def _sounds(self, track: int) -> bool:
        """Whether a track can be decoded and is not silent throughout."""
        self._track = track
        try:
            return any(block.samples.any() for block in self.blocks())
        except EmoGeneError:
            return False

    def _probe(self) -> None:
        """Fail now rather than later: decode the start."""
        decoded = 0.0
        for block in self.blocks():
            decoded += block.seconds
            if decoded >= PROBED:
                return
        if not decoded:
            raise EmoGeneError(f"{self.path}: has no sound in it (0 samples)")


def _check(path: Path) -> None:
    try:
        if path.is_file():
            with open(path, "rb"):
                return
    except PermissionError:
        raise EmoGeneError(f"{path}: no permission to read it") from None
    except (OSError, ValueError) as error:
        raise EmoGeneError(f"{path}: cannot be read ({reason(error)})") from None
    raise EmoGeneError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
