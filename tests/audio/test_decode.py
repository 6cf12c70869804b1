import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emogene.audio import SAMPLE_RATE, load_audio, sound_frames
from emogene.errors import EmoGeneError


def write(path: Path, sound: np.ndarray, rate: int, codec: str, layout: str) -> Path:
    """``sound [channels, n]`` float32 encoded into ``path`` by PyAV."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        # Packed, because PyAV cannot fill 8 planes; the encoder's own format is a resampler away.
        convert = av.AudioResampler(format=stream.format, layout=layout, rate=rate)
        step = 960
        for start in range(0, sound.shape[1], step):
            piece = sound[:, start : start + step].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="flt", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            for converted in convert.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return path


def tone(seconds: float, rate: int, channels: int = 1, hz: float = 440) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return np.tile(0.5 * np.sin(2 * np.pi * hz * t), (channels, 1)).astype(np.float32)


def dominant(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return power.argmax() * SAMPLE_RATE / len(samples)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 16000, "mono"),
        ("a.wav", "pcm_u8", 8000, "mono"),
        ("a.wav", "pcm_s24le", 44100, "stereo"),
        ("a.wav", "pcm_f32le", 192000, "mono"),
        ("a.wav", "pcm_f64le", 11025, "stereo"),
        ("a.wav", "pcm_s16le", 48000, "7.1"),
        ("a.flac", "flac", 96000, "stereo"),
        ("a.mp3", "libmp3lame", 44100, "stereo"),
        ("a.m4a", "aac", 48000, "stereo"),
        ("a.ogg", "libopus", 24000, "stereo"),
        ("a.opus", "libopus", 48000, "mono"),
        ("a.webm", "libopus", 48000, "stereo"),
        ("a.mp4", "aac", 32000, "5.1"),
        ("a.mkv", "flac", 22050, "mono"),
    ],
)
def test_any_container_codec_rate_and_channels(tmp_path, name, codec, rate, layout):
    channels = av.AudioLayout(layout).nb_channels
    path = write(tmp_path / name, tone(1.5, rate, channels), rate, codec, layout)
    recording = load_audio(path)
    assert recording.samples.dtype == np.float32 and recording.path == path
    assert len(recording.samples) == round(recording.duration * SAMPLE_RATE)
    assert float(recording.duration) == pytest.approx(1.5, abs=0.08)  # lossy codecs pad to whole frames
    middle = recording.samples[4000:20000]
    assert dominant(middle) == pytest.approx(440, abs=2)
    if layout != "5.1":  # its low-frequency channel is filtered
        assert middle.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_lossless_duration_is_exact_and_in_time(tmp_path):
    sound = np.zeros((1, 44100), np.float32)
    sound[0, 22050] = 0.9
    recording = load_audio(write(tmp_path / "click.wav", sound, 44100, "pcm_s16le", "mono"))
    assert recording.duration == 1
    assert len(recording.samples) == SAMPLE_RATE
    assert abs(int(recording.samples.argmax()) - 8000) <= 1


def test_16_khz_passes_untouched(tmp_path):
    sound = np.random.default_rng(0).uniform(-1, 1, (1, 5001)).astype(np.float32)
    recording = load_audio(write(tmp_path / "x.wav", sound, 16000, "pcm_f32le", "mono"))
    assert recording.duration == Fraction(5001, 16000)
    np.testing.assert_array_equal(recording.samples, sound[0])


def test_channels_are_averaged(tmp_path):
    sound = np.stack([tone(0.5, 16000)[0], np.zeros(8000, np.float32)])
    recording = load_audio(write(tmp_path / "x.wav", sound, 16000, "pcm_f32le", "stereo"))
    np.testing.assert_allclose(recording.samples, sound[0] / 2, atol=1e-7)
    np.testing.assert_array_equal(load_audio(recording.path, left=True).samples, sound[0])


@pytest.mark.parametrize("samples", [1, 10, 800])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 192000])
def test_very_short_and_silent_clips_are_valid(tmp_path, samples, rate):
    path = write(tmp_path / "x.wav", np.zeros((1, samples), np.float32), rate, "pcm_s16le", "mono")
    recording = load_audio(path)
    assert recording.duration == Fraction(samples, rate)
    assert len(recording.samples) == max(1, round(recording.duration * SAMPLE_RATE))
    assert not recording.samples.any()


def test_sound_of_a_video_and_a_colon_in_the_name(tmp_path):
    path = tmp_path / "take 1: final.mkv"
    with av.open(f"file:{path}", "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        sound = container.add_stream("flac", rate=16000, layout="mono")
        for i in range(25):
            container.mux(
                picture.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), i, np.uint8), "rgb24"))
            )
        frame = av.AudioFrame.from_ndarray(tone(1, 16000), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        container.mux(picture.encode(None))
    assert load_audio(path).duration == 1


def test_frames_keep_rate_and_channels(tmp_path):
    path = write(tmp_path / "x.wav", tone(1, 48000, 2), 48000, "pcm_s16le", "stereo")
    frames = list(sound_frames(path))
    assert {(f.sample_rate, f.layout.nb_channels) for f in frames} == {(48000, 2)}
    assert sum(f.samples for f in frames) == 48000


def silent_video(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        container.mux(picture.encode(None))
    return path


def garbage(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(1).bytes(20000))
    return path


def holed(path: Path) -> Path:
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, (1, 96000)).astype(np.float32)
    data = bytearray(write(path, noise, 48000, "aac", "mono").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(3).bytes(3000)
    path.write_bytes(data)
    return path


def text(path: Path) -> Path:
    path.write_text("this is not sound\n" * 50)
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def not_a_number(path: Path) -> Path:
    sound = tone(0.1, 44100)
    sound[0, 100] = np.nan
    return write(path, sound, 44100, "pcm_f32le", "mono")


def no_samples(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
    return path


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("missing.wav", lambda path: path, "no such file"),
        ("folder", lambda path: path.mkdir() or path, "not a file"),
        ("mute.mp4", silent_video, "has no sound"),
        ("corrupt.mp3", garbage, "corrupt"),
        ("corrupt.m4a", garbage, "not a sound file"),
        ("holed.m4a", holed, "damaged"),
        ("text.wav", text, "text"),
        ("text.txt", text, "text"),
        ("empty.wav", empty, "empty"),
        ("nan.wav", not_a_number, "not finite"),
        ("zero.wav", no_samples, "0 samples"),
    ],
)
def test_what_the_user_can_get_wrong_is_one_line(tmp_path, name, make, says):
    path = make(tmp_path / name)
    with pytest.raises(EmoGeneError, match=says) as error:
        load_audio(path)
    assert name in str(error.value) and "\n" not in str(error.value)
