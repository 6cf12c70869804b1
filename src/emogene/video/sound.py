"""The sound of the output: the input's own stream, as AAC, sample for sample in time."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from emogene.audio.decode import channels, sound_frames

# Sampling rates that AAC has (ISO/IEC 14496-3, table 1.18).
AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
BITS_PER_CHANNEL = 96_000


class Sound:
    """A sound to be carried by a video: its AAC format, and its samples as PyAV frames.

    Mono and stereo stay as they are; more channels become stereo. The rate stays where AAC has it, else it is
    the next higher one (96 kHz at most).
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        first = next(sound_frames(path))
        self.rate = next((rate for rate in AAC_RATES if rate >= first.sample_rate), AAC_RATES[-1])
        self.layout = "mono" if first.layout.nb_channels == 1 else "stereo"
        self.bit_rate = BITS_PER_CHANNEL * (1 if self.layout == "mono" else 2)

    def frames(self) -> Iterator[av.AudioFrame]:
        """Planar float32 at ``rate`` and ``layout``, with gapless time stamps from 0."""
        position = 0
        for frame in self._resampled():
            frame.pts, frame.time_base = position, Fraction(1, self.rate)
            position += frame.samples
            yield frame

    def _resampled(self) -> Iterator[av.AudioFrame]:
        resampler, source = None, None
        for frame in sound_frames(self.path):
            frame = _two_channels(frame)
            if source != (source := (frame.format.name, frame.layout.name, frame.sample_rate)):
                if resampler is not None:
                    yield from resampler.resample(None)
                resampler = av.AudioResampler("fltp", self.layout, self.rate)
            assert resampler is not None
            frame.pts = None
            yield from resampler.resample(frame)
        if resampler is not None:
            yield from resampler.resample(None)


def _two_channels(frame: av.AudioFrame) -> av.AudioFrame:
    """At most two channels: more are folded, even ones to the left and odd ones to the right.

    Not FFmpeg's downmix, which has no matrix for layouts without a name.
    """
    if frame.layout.nb_channels <= 2:
        return frame
    planar = channels(frame)
    folded = np.stack([planar[0::2].mean(0), planar[1::2].mean(0)])
    stereo = av.AudioFrame.from_ndarray(folded, "fltp", "stereo")
    stereo.sample_rate = frame.sample_rate
    return stereo
