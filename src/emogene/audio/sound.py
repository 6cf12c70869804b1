"""A recording, wherever it comes from: what the networks hear of it and what a video carries."""

import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from os import PathLike
from pathlib import Path

import av
import numpy as np

from emogene.audio.arrays import ReadOnce, array_blocks
from emogene.audio.block import Block
from emogene.audio.downmix import Downmix
from emogene.audio.rate import LAYOUTS, RateConverter
from emogene.audio.sound_file import SoundFile
from emogene.clock import SAMPLE_RATE
from emogene.errors import EmoGeneError

# Sampling rates that AAC has (ISO/IEC 14496-3, table 1.18).
AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class Sound:
    """A recording; made by :meth:`open`. It can be gone through as often as one likes.

    ``name`` is for titles; ``path`` the file it comes from, if any. ``warnings`` are lines for the user:
    which track was taken of several, and, after :meth:`speech`, what was damaged. ``live``: it comes while it
    is gone through. ``expected``: its seconds as far as its source says beforehand; None where it says none.
    """

    def __init__(
        self,
        name: str,
        blocks: Callable[[], Iterator[Block]],
        path: Path | None = None,
        warnings: list[str] | None = None,
        live: bool = False,
        expected: Fraction | None = None,
    ) -> None:
        self.name, self.path, self.live, self.expected = name, path, live, expected
        self.warnings = [] if warnings is None else warnings
        self._source, self._duration = blocks, Fraction(0)

    @classmethod
    def open(
        cls,
        source: str | PathLike[str] | np.ndarray | Iterable[np.ndarray],
        rate: int | None = None,
        track: int | None = None,
    ) -> "Sound":
        """A file with sound, an array, or arrays as they come.

        ``track`` of a file: 1 is its first sound track; by default the one it marks as default, else the
        first that is not silent. An array is ``[n]`` or ``[n, channels]``, at ``rate`` samples a second; full
        scale is 1, or what its integers can hold. An iterable is read once, when it is needed; what was read
        is kept. Raises EmoGeneError, one line: now, or where the sound is gone through.
        """
        if isinstance(source, str | PathLike):
            if rate is not None:
                raise EmoGeneError(f"{os.fspath(source)}: a file has a rate of its own; leave rate out")
            file = SoundFile(Path(source), track)
            return cls(file.path.name, file.blocks, file.path, file.warnings, expected=file.seconds)
        if track is not None:
            raise EmoGeneError(f"only files have tracks; leave track {track} out")
        if isinstance(source, np.ndarray):
            blocks = ReadOnce(array_blocks([source], rate))
            return cls("sound", blocks, expected=Fraction(len(source), rate or 1) if source.ndim else None)
        return cls("sound", ReadOnce(array_blocks(source, rate)), live=True)

    @property
    def duration(self) -> Fraction:
        """Seconds, exact. RuntimeError before :meth:`speech` has ended once."""
        if not self._duration:
            raise RuntimeError("how long the sound is shows when its speech was heard to the end")
        return self._duration

    def speech(self) -> Iterator[np.ndarray]:
        """What networks hear: pieces ``[n]`` float32 of at most a second, 16 kHz mono.

        Together they have ``ceil(duration * 16000)`` samples.
        """
        downmix, converter = Downmix(), RateConverter(SAMPLE_RATE)
        for block in self._blocks():
            yield from _seconds(converter.push(downmix(block, 1), block.rate)[0])
        yield from _seconds(converter.finish()[0])
        self._duration = converter.elapsed

    def left(self) -> np.ndarray:
        """``[n]`` float32: the first channel alone, 16 kHz, whole."""
        converter = RateConverter(SAMPLE_RATE)
        pieces = [converter.push(block.samples[:1], block.rate) for block in self._blocks()]
        return np.concatenate([*pieces, converter.finish()], 1)[0]

    def carried(self) -> tuple[int, int]:
        """Rate and channels of :meth:`frames`.

        Mono and stereo stay as they are; more channels become stereo. The rate stays where AAC has it, else
        it is the next higher one (96 kHz at most).
        """
        first = next(self._blocks())  # there is one, or an error
        rate = next((rate for rate in AAC_RATES if rate >= first.rate), AAC_RATES[-1])
        return rate, min(2, len(first.names))

    def frames(self) -> Iterator[av.AudioFrame]:
        """What a video carries: planar float32, with gapless time stamps from 0."""
        rate, channels = self.carried()
        start = 0
        for samples in self._resampled(rate, channels):
            if samples.shape[1]:
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", LAYOUTS[channels])
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                start += frame.samples
                yield frame

    def _resampled(self, rate: int, channels: int) -> Iterator[np.ndarray]:
        downmix, converter = Downmix(), RateConverter(rate, channels)
        for block in self._blocks():
            yield converter.push(downmix(block, channels), block.rate)
        yield converter.finish()

    def _blocks(self) -> Iterator[Block]:
        """At least one, with at least one sample in each."""
        silent = True
        for block in self._source():
            if not np.isfinite(block.samples).all():
                raise EmoGeneError(
                    f"{self.path or self.name}: has samples that are not finite (NaN or infinity); "
                    "export it again"
                )
            if block.samples.size:
                silent = False
                yield block
        if silent:
            raise EmoGeneError(f"{self.path or self.name}: has no sound in it (0 samples)")


def _seconds(samples: np.ndarray) -> Iterator[np.ndarray]:
    """``[n]`` in pieces of at most a second."""
    for start in range(0, len(samples), SAMPLE_RATE):
        yield samples[start : start + SAMPLE_RATE]
