"""One stream of an open container to blocks of sound, in time, by PyAV (which brings its own FFmpeg)."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, PatchWelcomeError

from emogene.audio.block import Block
from emogene.audio.damage import Damage
from emogene.audio.timestamps import Stamped, in_time
from emogene.errors import EmoGeneError

MANY = 32  # packets by which a file that cannot be decoded is known
# Containers whose packets carry their time; in others it is counted, and junk would seem to take time.
TIMED = {"mov", "matroska", "mpegts", "mpeg", "ogg", "flv", "asf", "avi", "nut", "rm", "wtv", "mxf", "flac"}
# Containers that tell their length; in others it is FFmpeg's guess.
MEASURED = {"mov", "matroska", "flac", "aiff", "au", "flv", "wv", "tta", "asf", "ape", "mp3"}
SHORTER = 0.2  # seconds by which a whole file may be shorter than it says
REMEDY = "convert it to wav, flac or m4a by the program that made it"


class TrackDecoder:
    """One stream of an open container, in time; what it cannot use goes to ``damage``.

    ``before``: seconds of sound that other parts of the file gave.
    """

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: av.AudioStream,
        damage: Damage,
        before: float,
    ) -> None:
        self._path, self._container, self._stream = path, container, stream
        self._damage = damage
        self._decoded = self._before = before
        self._formats = set(container.format.name.split(","))
        self._good = self._bad = 0
        if stream.codec_context.name == "flac":  # else it makes loud noise of a damaged frame
            stream.codec_context.options = {"err_detect": "crccheck+explode"}

    def blocks(self) -> Iterator[Block]:
        origin, elapsed = self._origin(), 0.0
        end = self._declared() if "mov" in self._formats else None
        for block in in_time(self._frames(), origin, end, self._hole):
            elapsed += block.seconds
            yield block
        declared = self._declared() if self._formats & MEASURED else None
        if declared is not None:
            declared -= self._start() if origin is None else origin
            # An mp3's length is its frames' where it has a header for that, which gives the delay too.
            told = "mp3" not in self._formats or self._stream.start_time
            if told and elapsed + SHORTER < declared:
                self._damage.cut = f"is cut off after {elapsed:.2f} of {declared:.2f} s"

    def _hole(self, since: float, seconds: float) -> None:
        self._damage.add_hole(self._before + since, seconds)

    def _frames(self) -> Iterator[Stamped]:
        packed = _Packed()
        for packet in self._packets():
            for frame in self._decode(packet):
                if frame.samples:
                    block = packed(frame)
                    self._decoded += block.seconds
                    yield Stamped(block, self._time(frame))
        if self._bad > self._good and not self._before:
            raise self._undecodable()

    def _time(self, frame: av.AudioFrame) -> float | None:
        return frame.time if self._formats & TIMED else None

    def _packets(self) -> Iterator[av.Packet | None]:
        """None at the end, which empties the decoder. Packets of no bytes would end it before."""
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except FFmpegError as error:
            if not self._good:
                raise EmoGeneError(f"{self._path}: {why_not(self._path, error)}") from None
            self._damage.cut = f"cannot be read beyond {self._decoded:.2f} s ({reason(error)})"
        yield None

    def _decode(self, packet: av.Packet | None) -> list[av.AudioFrame]:
        try:
            frames = self._stream.codec_context.decode(packet)
        except FFmpegError as error:
            if packet is None:
                return []
            self._bad += 1
            self._damage.add(packet.size, self._decoded)
            unknown = isinstance(error, PatchWelcomeError)
            if unknown and (not self._good or "amr" in self._stream.codec_context.name):
                raise EmoGeneError(
                    f"{self._path}: a form of {self._stream.codec_context.name} sound that is not supported; "
                    f"{REMEDY}"
                ) from None
            if self._bad >= MANY > self._good and not self._before:
                raise self._undecodable() from None
            return []
        self._good += packet is not None
        return frames

    def _undecodable(self) -> EmoGeneError:
        of = self._good + self._bad
        return EmoGeneError(f"{self._path}: is damaged: {self._bad} of {of} packets cannot be decoded")

    def _origin(self) -> float | None:
        """When the recording starts, by the container's clock: its picture or its sound."""
        if not self._formats & TIMED:
            return None
        streams = [s for s in self._container.streams if s.type in ("audio", "video")]
        starts = [
            float(s.start_time * s.time_base) for s in streams if s.start_time is not None and s.time_base
        ]
        return min(starts, default=None)

    def _start(self) -> float:
        """When the sound starts, by the container's clock."""
        stream = self._stream
        return float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0

    def _declared(self) -> float | None:
        """When the sound ends, as the container has it."""
        stream = self._stream
        if stream.duration and stream.time_base:
            return self._start() + float(stream.duration * stream.time_base)
        if self._container.duration and len(self._container.streams) == 1:
            return (self._container.duration + (self._container.start_time or 0)) / av.time_base
        return None


class _Packed:
    """Decoded frames of any sample format as blocks.

    Not PyAV's ``to_ndarray``: it reads past the last plane of 8 and more planar channels.
    """

    def __init__(self) -> None:
        self._kind: tuple[str, str, int] | None = None

    def __call__(self, frame: av.AudioFrame) -> Block:
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        if kind != self._kind:
            self._kind, self._resampler = kind, av.AudioResampler("flt")
            self._names = tuple(channel.name for channel in frame.layout.channels)
        frame.pts, pts = None, frame.pts
        packed = [piece.to_ndarray() for piece in self._resampler.resample(frame)]
        frame.pts = pts
        samples = np.concatenate(packed, 1).reshape(-1, len(self._names)).T
        return Block(np.ascontiguousarray(samples), frame.sample_rate, self._names)


def why_not(path: Path, error: Exception) -> str:
    with open(path, "rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return "is cut off: the index at its end (moov) is missing; copy it anew"
    return f"is not a sound file ({reason(error)})"


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
