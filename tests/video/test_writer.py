"""The mp4: what players see of it, in sync with its sound, whole or not at all."""

import os
import subprocess
import sys
import time
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emogene.audio.sound import Sound
from emogene.clock import frame_count
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
    heard = Sound.open(sound) if sound else None
    with VideoWriter.open(path, 64, 48, heard, tags={"title": "clicks"}) as video:
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


@pytest.mark.parametrize("fps", [24, 30, 50, 60, Fraction(30_000, 1001)])
def test_any_number_of_frames_a_second(tmp_path, fps):
    """Sound and picture end together, and each frame is at its time (in whole ticks of the container)."""
    sound = Sound.open(np.zeros(48_000, np.float32), 48_000)
    with VideoWriter.open(tmp_path / "out.mp4", 64, 48, sound, fps) as video:
        for t in range(frame_count(Fraction(1), Fraction(fps))):
            video.write(np.full((48, 64, 3), t, np.uint8))
    times, frames = read_video(tmp_path / "out.mp4")
    assert times == [Fraction(t) / fps for t in range(len(frames))]
    assert len(frames) == frame_count(Fraction(1), Fraction(fps))
    assert read_sound(tmp_path / "out.mp4")[1].shape[1] == pytest.approx(48_000, abs=1024)


def test_live_sound_is_carried_as_it_comes(tmp_path):
    """No chunk is asked for before its picture is there, but for .36 s that the encoder holds back."""
    came = 0

    def microphone():
        nonlocal came
        for _ in range(50):
            came += 1
            yield np.full(640, 0.25, np.float32)

    sound = Sound.open(microphone(), 16_000)
    with VideoWriter.open(tmp_path / "out.mp4", 64, 48, sound) as video:
        for t in range(50):
            video.write(np.zeros((48, 64, 3), np.uint8))
            assert came <= t + 9
    rate, samples = read_sound(tmp_path / "out.mp4")
    assert (rate, len(samples)) == (16_000, 1)
    assert samples.shape[1] == pytest.approx(32_000, abs=1024)
    assert np.median(samples) == pytest.approx(0.25, abs=0.01), "an offset survives"


def test_without_samples_there_is_no_video(tmp_path):
    with (
        pytest.raises(EmoGeneError, match="0 samples"),
        VideoWriter.open(tmp_path / "out.mp4", 64, 48, Sound.open([], 16_000)),
    ):
        raise AssertionError("not reached")
    assert not list(tmp_path.iterdir())


def test_one_thread_is_one_thread(tmp_path):
    """All of the encoder's work is the calling thread's."""
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    everyone, this = time.process_time(), time.thread_time()
    with VideoWriter.open(tmp_path / "out.mp4", 1280, 720, threads=1) as video:
        for t in range(25):
            video.write(np.roll(noise, 8 * t, 1))
    everyone, this = time.process_time() - everyone, time.thread_time() - this
    assert everyone < 1.2 * this


@pytest.mark.skipif(os.name != "posix", reason="other systems' names are Unicode")
def test_names_that_are_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    with VideoWriter.open(path, 64, 48, tags={"title": path.name}) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "caf?.mp4"


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
from emogene.audio.sound import Sound
from emogene.clock import frame_count
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
    resource = pytest.importorskip("resource")
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
