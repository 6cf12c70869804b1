"""Samples of any rate to one rate, exactly as many as the time has."""

from fractions import Fraction

import av
import numpy as np

from emogene.clock import frame_count

LAYOUTS = {1: "mono", 2: "stereo"}


class RateConverter:
    """Pieces ``[channels, n]`` of mono or stereo at any rate to ``rate``, by FFmpeg's filter.

    Where the rate changes on the way, the filter starts anew. All pieces together have
    ``ceil(seconds * rate)`` samples, exactly.
    """

    def __init__(self, rate: int, channels: int = 1) -> None:
        self.rate, self.channels = rate, channels
        self.elapsed = Fraction(0)
        """Seconds taken so far."""
        self._source = rate
        self._given = 0
        self._resampler: av.AudioResampler | None = None

    def push(self, samples: np.ndarray, rate: int) -> np.ndarray:
        """``[channels, n] -> [channels, m]`` float32; the filter holds some samples back."""
        ended = self.finish() if rate != self._source else self._none()
        self._source = rate
        self.elapsed += Fraction(samples.shape[1], rate)
        return np.concatenate([ended, self._convert(samples)], 1)

    def finish(self) -> np.ndarray:
        """``[channels, m]``: what the filter still holds, cut or padded to the exact count."""
        held = self._filter(None) if self._resampler else self._none()
        self._resampler = None
        missing = max(0, frame_count(self.elapsed, self.rate) - self._given)
        self._given += missing
        return np.pad(held[:, :missing], ((0, 0), (0, max(0, missing - held.shape[1]))))

    def _convert(self, samples: np.ndarray) -> np.ndarray:
        converted = samples
        if self._source != self.rate and samples.shape[1]:
            layout = LAYOUTS[self.channels]
            self._resampler = self._resampler or av.AudioResampler("fltp", layout, self.rate)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", layout)
            frame.sample_rate = self._source
            converted = self._filter(frame)
        self._given += converted.shape[1]
        return converted

    def _filter(self, frame: av.AudioFrame | None) -> np.ndarray:
        assert self._resampler is not None
        pieces = [piece.to_ndarray() for piece in self._resampler.resample(frame)]
        return np.concatenate([self._none(), *pieces], 1)

    def _none(self) -> np.ndarray:
        return np.zeros((self.channels, 0), np.float32)
