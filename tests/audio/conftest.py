"""Sound files made on the fly, by the codecs that PyAV brings."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

Write = Callable[..., Path]


def write_sound(
    path: Path,
    samples: np.ndarray,
    rate: int,
    codec: str = "pcm_s16le",
    layout: str = "mono",
    lost: tuple[float, float] = (0, 0),
    **options: str,
) -> Path:
    """``samples [channels, n]`` encoded into ``path``, but for packets that start in ``lost`` (seconds)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options=options)
        # Packed, because PyAV cannot fill 8 planes; the encoder's own format is a resampler away.
        convert = av.AudioResampler(format=stream.format, layout=layout, rate=rate)
        packets = []
        for start in range(0, samples.shape[1], 960):
            piece = samples[:, start : start + 960].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece, np.float32), "flt", layout)
            frame.sample_rate, frame.pts = rate, start
            for converted in convert.resample(frame):
                packets += stream.encode(converted)
        for packet in [*packets, *stream.encode(None)]:
            if not lost[0] <= packet.pts * packet.time_base < lost[1]:
                container.mux(packet)
    return path


def tone_burst(rate: int, start: float = 1.0, end: float = 1.5, seconds: float = 2.0) -> np.ndarray:
    """``[1, n]``: 440 Hz from ``start`` to ``end``, else silence."""
    t = np.arange(round(rate * seconds)) / rate
    return (0.25 * np.sin(2 * np.pi * 440 * t) * ((t >= start) & (t < end)))[None].astype(np.float32)


@pytest.fixture(scope="session")
def write() -> Write:
    return write_sound


@pytest.fixture(scope="session")
def burst() -> Callable[..., np.ndarray]:
    return tone_burst
