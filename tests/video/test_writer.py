"""The mp4: what players see of it, in sync with its sound, whole or not at all."""

import resource
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.video import VideoWriter

CLICKS = (Fraction(12, 25), Fraction(40, 25))  # seconds: at the starts of frames 12 and 40


def write_clicks(path: Path, rate: int, channels: int, seconds: float = 2.01) -> Path:
    """A silent 16-bit wav with two clicks in every channel."""
    samples = np.zeros((round(rate * seconds), channels))
    samples[[round(rate * click) for click in CLICKS]] = 0.9
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def write_video(path: Path, sound: Path | None, frames: int = 51) -> Path:
    """Red, with white frames where the clicks are."""
    with VideoWriter.open(path, 64, 48, sound, tags={"title": "clicks"}) as video:
        for t in range(frames):
            colour = (255, 255, 255) if t in (12, 40) else (200, 30, 60)
            video.write(np.full((48, 64, 3), colour, np.uint8))
    return path


def read_video(path: Path) -> tuple[list[Fraction], np.ndarray]:
    """Times in seconds and frames ``[T, H, W, 3]``."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = [Fraction(frame.pts or 0) * Fraction(frame.time_base) for frame in frames]
    return times, np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def read_sound(path: Path) -> tuple[int, np.ndarray]:
    """Rate and samples ``[channels, n]``."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    return frames[0].sample_rate, np.concatenate([frame.to_ndarray() for frame in frames], 1)


@pytest.mark.parametrize(
    ("rate", "channels", "heard_rate", "heard_channels"),
    [
        (16_000, 1, 16_000, 1),
        (44_100, 2, 44_100, 2),
        (48_000, 8, 48_000, 2),
        (192_000, 2, 96_000, 2),
        (11_000, 3, 11_025, 2),
    ],
)
def test_sound_keeps_its_rate_and_is_in_sync_to_a_sample(
    tmp_path, rate, channels, heard_rate, heard_channels
):
    video = write_video(tmp_path / "out.mp4", write_clicks(tmp_path / "in.wav", rate, channels))

    times, frames = read_video(video)
    white = [t for t, frame in zip(times, frames, strict=True) if frame.min() > 240]
    assert white == list(CLICKS)

    heard, samples = read_sound(video)
    assert (heard, len(samples)) == (heard_rate, heard_channels)
    for click in CLICKS:
        around = np.abs(samples[0, round((click - Fraction(1, 10)) * heard) :][: heard // 5])
        assert around.argmax() == pytest.approx(heard / 10, abs=1)


def test_frames_are_25_a_second_and_keep_their_colour(tmp_path):
    times, frames = read_video(write_video(tmp_path / "out.mp4", None))
    assert times == [Fraction(t, 25) for t in range(51)]
    assert np.abs(frames[20].astype(int).mean((0, 1)) - (200, 30, 60)).max() < 4


def test_the_file_says_that_it_is_synthetic_and_starts_with_its_index(tmp_path):
    path = write_video(tmp_path / "out.mp4", None)
    with av.open(str(path)) as container:
        stream = container.streams.video[0].codec_context
        assert "trainedAlgorithmicMedia" in container.metadata["comment"]
        assert container.metadata["title"] == "clicks"
        assert (stream.name, stream.pix_fmt, stream.colorspace, stream.color_range) == (
            "h264",
            "yuv420p",
            1,
            1,
        )
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), VideoWriter.open(path, 64, 48) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]
    assert path.read_text() == "old"


def test_a_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="64x48"), VideoWriter.open(tmp_path / "out.mp4", 64, 48) as video:
        video.write(np.zeros((64, 48, 3), np.uint8))


def test_a_missing_folder_is_one_line(tmp_path):
    with (
        pytest.raises(EmoGeneError, match="does not exist"),
        VideoWriter.open(tmp_path / "none" / "out.mp4", 64, 48),
    ):
        pass


FILL_THE_DISK = """
import sys, numpy as np
from emogene.errors import EmoGeneError
from emogene.video import VideoWriter
noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
try:
    with VideoWriter.open(sys.argv[1], 256, 256) as video:
        for t in range(200):
            video.write(np.roll(noise, 7 * t, 0))
except EmoGeneError as error:
    print(error)
"""


def test_a_full_disk_is_one_line_and_no_file(tmp_path):
    """A limit on the size of files stands for the full disk: the system refuses to write in the same way."""
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "out.mp4")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert done.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())
