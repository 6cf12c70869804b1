"""H.264 and AAC in an mp4, streamed: a frame goes in, and nothing but the encoder's look-ahead is kept."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.reformatter import ColorRange, Colorspace

from emogene.audio.rate import LAYOUTS
from emogene.audio.sound import Sound
from emogene.clock import VIDEO_FPS
from emogene.output import replacing

BT709 = 1  # primaries and transfer, ITU-T H.273
X264 = {"crf": "18", "preset": "veryfast"}
AAC_BITS = 96_000  # a second and channel

# Every output says what it is, in words and by its IPTC digital source type.
SYNTHETIC = (
    "Synthetic media: this face was generated from a sound recording by EmoGene. "
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
)


class VideoWriter:
    """One video being written; made by :meth:`open`."""

    def __init__(
        self,
        container: OutputContainer,
        width: int,
        height: int,
        sound: Sound | None,
        fps: Fraction,
        threads: int,
    ):
        self.width, self.height, self.fps, self.count = width, height, fps, 0
        self._container = container
        self._video = container.add_stream("libx264", rate=fps, options=X264)
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        context = self._video.codec_context
        context.color_primaries = context.color_trc = BT709
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.thread_count = threads
        self._sound = _encode(container, sound) if sound else iter(())
        self._pending: Packet | None = None

    @classmethod
    @contextmanager
    def open(
        cls,
        path: str | os.PathLike[str],
        width: int,
        height: int,
        sound: Sound | None = None,
        fps: Fraction | int = VIDEO_FPS,
        tags: Mapping[str, str] | None = None,
        threads: int = 1,
    ) -> Iterator[Self]:
        """A writer for ``with``: the file takes its name when the block ends, and is removed when it fails.

        ``width`` and ``height`` are even, in pixels. The video carries ``sound``: frame t is shown at
        ``t / fps`` of it. ``tags`` join the container's metadata, which marks every output as synthetic; they
        are passed on with it, so they should name no private folders. ``threads`` are the encoder's; another
        number gives other bytes. Raises EmoGeneError, one line, where the system refuses to write.
        """
        with replacing(path) as part:
            options = {"movflags": "+faststart"}
            with av.open(f"file:{part}", "w", format="mp4", options=options) as container:
                container.metadata.update({**_printable(tags or {}), "comment": SYNTHETIC})
                writer = cls(container, width, height, sound, Fraction(fps), threads)
                yield writer
                writer._finish()

    def write(self, frame: np.ndarray) -> None:
        """Append ``frame [height, width, 3]``, uint8 sRGB, and the sound up to the frame's end."""
        if frame.shape != (self.height, self.width, 3):
            raise ValueError(f"the video is {self.width}x{self.height}, the frame {frame.shape}")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        picture.pts, picture.time_base = self.count, 1 / self.fps
        self._container.mux(self._video.encode(picture))
        self.count += 1
        self._mux_sound(self.count / self.fps)

    def _mux_sound(self, until: Fraction | None = None) -> None:
        """Sound that starts before ``until`` seconds; all of it by default."""
        while packet := self._pending or next(self._sound, None):
            self._pending = packet
            if until is not None and packet.pts is not None and packet.pts * packet.time_base >= until:
                return
            self._pending = None
            self._container.mux(packet)

    def _finish(self) -> None:
        self._container.mux(self._video.encode(None))
        self._mux_sound()


def _encode(container: OutputContainer, sound: Sound) -> Iterator[Packet]:
    """Adds an AAC stream; its packets, on demand."""
    rate, channels = sound.carried()
    stream = container.add_stream("aac", rate=rate, layout=LAYOUTS[channels], bit_rate=AAC_BITS * channels)

    def packets() -> Iterator[Packet]:
        for frame in sound.frames():
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets()


def _printable(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags are UTF-8, which some file names are not."""
    return {name: value.encode("utf-8", "replace").decode() for name, value in tags.items()}
