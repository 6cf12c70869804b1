"""Files that were copied one behind the other."""

import struct
from pathlib import Path

import numpy as np
import pytest

from emogene.audio import load_audio
from emogene.audio.joined import parts

RATE = 48_000


def two(folder: Path, write, ending: str, codec: str) -> tuple[Path, int]:
    """A second of a low and half a second of a high tone, and the size of the first."""
    phase = 2 * np.pi * np.arange(RATE, dtype=np.float32)[None] / RATE
    first = write(folder / f"first.{ending}", 0.5 * np.sin(300 * phase), RATE, codec)
    second = write(folder / f"second.{ending}", 0.5 * np.sin(900 * phase[:, : RATE // 2]), RATE, codec)
    path = folder / f"both.{ending}"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    return path, first.stat().st_size


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        *[("wav", "pcm_s16le"), ("w64", "pcm_s16le"), ("caf", "pcm_s16le"), ("aiff", "pcm_s16be")],
        *[("ogg", "libopus"), ("ogg", "flac"), ("m4a", "aac"), ("mov", "pcm_s16le"), ("avi", "pcm_s16le")],
        *[("flac", "flac"), ("mp3", "libmp3lame"), ("aac", "aac"), ("ts", "aac"), ("webm", "libopus")],
    ],
)
def test_both_are_heard(tmp_path, write, ending, codec):
    path, _ = two(tmp_path, write, ending, codec)
    recording = load_audio(path)
    assert float(recording.duration) == pytest.approx(1.5, abs=0.09)
    for start, hz in ((4000, 300), (18_000, 900)):
        piece = recording.samples[start : start + 4000]
        power = np.abs(np.fft.rfft(piece * np.hanning(4000)))
        assert power.argmax() * 4 == pytest.approx(hz, abs=4)


@pytest.mark.parametrize(("ending", "codec"), [("wav", "pcm_s16le"), ("ogg", "libopus"), ("m4a", "aac")])
def test_each_part_starts_where_the_last_one_ends(tmp_path, write, ending, codec):
    path, size = two(tmp_path, write, ending, codec)
    first, second = parts(path)
    assert (first.start, first.end, second.start, second.end) == (0, size, size, path.stat().st_size)
    assert not first.missing and not second.missing


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 2**31 + 7])
def test_a_wav_that_was_streamed_does_not_know_its_length(tmp_path, size):
    head = struct.pack("<4sI8sIHHIIHH", b"RIFF", size, b"WAVEfmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    (tmp_path / "x.wav").write_bytes(head + struct.pack("<4sI", b"data", size) + bytes(32_000))
    (part,) = parts(tmp_path / "x.wav")
    assert not part.missing
    assert load_audio(tmp_path / "x.wav").duration == 1


@pytest.mark.parametrize("data", [b"", b"OggS", b"RIFF", b"OggS" * 20, b"RIFF\xff\xff\0\0WAVE" + bytes(40)])
def test_stubs_are_one_part(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    (part,) = parts(tmp_path / "x")
    assert (part.start, part.end) == (0, len(data))
