"""Any file with sound to 16 kHz mono float32, by PyAV (which brings its own FFmpeg)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from emogene.errors import EmoGeneError

SAMPLE_RATE = 16_000
_DTYPES = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
    "flt": np.float32,
    "dbl": np.float64,
}


@dataclass(frozen=True)
class Recording:
    """A sound: ``samples [n]`` float32, 16 kHz mono, full scale 1.

    ``duration`` is exact, in seconds: decoded samples over the file's own rate.
    """

    samples: np.ndarray
    duration: Fraction
    path: Path


def sound_frames(path: str | Path) -> Iterator[av.AudioFrame]:
    """The decoded frames of the first sound stream, at the file's own rate, channels and sample format.

    Raises EmoGeneError, one line that names the file, where it is missing, is not audio, has no sound or is
    damaged. A damaged packet is an error rather than a hole: a hole would put the lips out of sync.
    """
    path = Path(path)
    if not path.exists():
        raise EmoGeneError(f"{path}: no such file")
    if not path.is_file():
        raise EmoGeneError(f"{path}: not a file")
    position = Fraction(0)
    try:
        # "file:" keeps a colon in the name from being read as a protocol; the whitelist, playlists local.
        with av.open(f"file:{path}", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.audio:
                raise EmoGeneError(f"{path}: has no sound; give a file with an audio stream")
            for frame in container.decode(container.streams.audio[0]):
                if frame.samples:
                    yield frame
                    position += Fraction(frame.samples, frame.sample_rate)
    except PermissionError:
        raise EmoGeneError(f"{path}: no permission to read it") from None
    except (FFmpegError, UnicodeError) as error:
        where = f"is damaged after {float(position):.2f} s of sound" if position else "is not a sound file"
        raise EmoGeneError(f"{path}: {where} ({getattr(error, 'strerror', None) or error})") from None


def load_audio(path: str | Path, left: bool = False) -> Recording:
    """Decode ``path``, average its channels (``left``: take the first one alone) and resample to 16 kHz.

    The file is read as a stream: memory is the result's alone (230 MB an hour). Any positive number of
    samples is valid, silence too. Raises EmoGeneError (one line) as :func:`sound_frames`, and where there are
    no samples or some are not finite.
    """
    resampler, buffer, duration = _Resampler(), bytearray(), Fraction(0)
    for frame in sound_frames(path):
        mono = channels(frame)[0] if left else _mono(frame)
        if not np.isfinite(mono).all():
            raise EmoGeneError(f"{path}: has samples that are not finite (NaN or infinity); export it again")
        buffer += resampler(mono, frame.sample_rate).tobytes()
        duration += Fraction(frame.samples, frame.sample_rate)
    if not duration:
        raise EmoGeneError(f"{path}: has no sound in it (0 samples)")
    buffer += resampler.flush().tobytes()
    return Recording(_fit(buffer, max(1, round(duration * SAMPLE_RATE))), duration, Path(path))


def _fit(buffer: bytearray, length: int) -> np.ndarray:
    """The samples in ``buffer``, cut or zero-padded to ``length``: resamplers round at the end."""
    samples = np.frombuffer(buffer, np.float32)[:length]
    return np.pad(samples, (0, length - len(samples))) if len(samples) < length else samples


def channels(frame: av.AudioFrame) -> np.ndarray:
    """``[channels, samples]`` float32, full scale 1, of a decoded frame in any sample format.

    Not PyAV's ``to_ndarray``: it reads past the last plane of 8 planar channels.
    """
    count, dtype = frame.layout.nb_channels, np.dtype(_DTYPES[frame.format.packed.name])
    if frame.format.is_planar:
        planes = [np.frombuffer(frame.planes[i], dtype, frame.samples) for i in range(count)]  # type: ignore
        values = np.stack(planes)
    else:
        values = np.frombuffer(frame.planes[0], dtype, frame.samples * count).reshape(-1, count).T  # type: ignore
    if dtype == np.uint8:
        return values.astype(np.float32) / 128 - 1
    if np.issubdtype(dtype, np.integer):
        return (values / -float(np.iinfo(dtype).min)).astype(np.float32)
    return values.astype(np.float32)


def _mono(frame: av.AudioFrame) -> np.ndarray:
    """``[samples]`` float32, the mean of the channels.

    Not FFmpeg's downmix: it drops some channels (LFE) and cannot mix layouts that have no name.
    """
    return channels(frame).mean(0, dtype=np.float64).astype(np.float32)


class _Resampler:
    """Mono float32 pieces at any rate to 16 kHz; starts anew where the rate changes within the stream."""

    def __init__(self) -> None:
        self.rate = SAMPLE_RATE
        self.resampler: av.AudioResampler | None = None

    def __call__(self, mono: np.ndarray, rate: int) -> np.ndarray:
        tail = np.zeros(0, np.float32)
        if rate != self.rate:
            tail = self.flush()
            self.rate = rate
        if rate == SAMPLE_RATE:
            return np.concatenate([tail, mono])
        if self.resampler is None:
            self.resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
        frame = av.AudioFrame.from_ndarray(mono[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        return np.concatenate([tail, *self._samples(frame)])

    def flush(self) -> np.ndarray:
        """What the filter still holds."""
        if self.resampler is None:
            return np.zeros(0, np.float32)
        tail = self._samples(None)
        self.resampler = None
        return np.concatenate([np.zeros(0, np.float32), *tail])

    def _samples(self, frame: av.AudioFrame | None) -> list[np.ndarray]:
        assert self.resampler is not None
        return [piece.to_ndarray()[0] for piece in self.resampler.resample(frame)]
