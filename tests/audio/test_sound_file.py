"""Files in: any container, its time, its tracks, and what is broken."""

import os
import re
import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emogene.audio import load_audio
from emogene.audio.sound import Sound
from emogene.audio.sound_file import SoundFile
from emogene.clock import SAMPLE_RATE, frame_count
from emogene.errors import EmoGeneError

CASES = Path(__file__).parents[1] / "fixtures" / "sound"


def tone(seconds: float, rate: int, channels: int = 1, hz: float = 440) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return np.tile(0.5 * np.sin(2 * np.pi * hz * t), (channels, 1)).astype(np.float32)


def noise(seconds: float, rate: int) -> np.ndarray:
    samples = np.random.default_rng(2).uniform(-0.5, 0.5, (1, round(seconds * rate)))
    return samples.astype(np.float32)


def onset(samples: np.ndarray) -> float:
    """Seconds to the first loud sample."""
    return float((np.abs(samples) > 0.1).argmax()) / SAMPLE_RATE


def warning(path: Path) -> str:
    """The only one that there is after the whole file was read."""
    sound = Sound.open(path)
    for _ in sound.speech():
        pass
    (line,) = sound.warnings
    assert str(path) in line and "\n" not in line
    return line


# ---- Containers and codecs

IN_TIME = [  # container, codec, rate, layout
    ("wav", "pcm_s16le", 16_000, "mono"),
    ("wav", "pcm_u8", 8000, "mono"),
    ("wav", "pcm_mulaw", 8000, "mono"),
    ("wav", "pcm_s24le", 44_100, "stereo"),
    ("wav", "pcm_f32le", 192_000, "mono"),
    ("wav", "pcm_f64le", 11_025, "stereo"),
    ("wav", "pcm_s16le", 48_000, "7.1"),
    ("wav", "pcm_s16le", 11_000, "3 channels"),
    ("wav", "adpcm_ima_wav", 22_050, "stereo"),
    ("w64", "pcm_s24le", 48_000, "stereo"),
    ("aiff", "pcm_s24be", 44_100, "stereo"),
    ("au", "pcm_mulaw", 8000, "mono"),
    ("caf", "pcm_s24be", 48_000, "stereo"),
    ("flac", "flac", 96_000, "6.1"),
    ("wv", "wavpack", 44_100, "hexadecagonal"),
    ("tta", "tta", 44_100, "stereo"),
    ("mp3", "libmp3lame", 44_100, "stereo"),
    ("mp3", "libmp3lame", 8000, "mono"),
    ("m4a", "aac", 48_000, "stereo"),
    ("m4a", "alac", 44_100, "stereo"),
    ("mov", "pcm_s16be", 44_100, "stereo"),
    ("mp4", "aac", 32_000, "5.1"),
    ("mp4", "libopus", 48_000, "stereo"),
    ("3gp", "libopencore_amrnb", 8000, "mono"),
    ("mkv", "aac", 44_100, "7.1"),
    ("mka", "eac3", 48_000, "5.1"),
    ("mka", "wmav2", 44_100, "stereo"),
    ("webm", "libopus", 48_000, "stereo"),
    ("ogg", "libopus", 24_000, "quad"),
    ("ogg", "flac", 44_100, "stereo"),
    ("ts", "mp2", 48_000, "stereo"),
    ("ts", "libopus", 48_000, "stereo"),
    ("avi", "pcm_s16le", 44_100, "stereo"),
    ("avi", "ac3", 48_000, "stereo"),
    ("flv", "nellymoser", 22_050, "mono"),
]
OPTIONS = {"wmav2": {"b": "128000"}, "opus": {"strict": "-2"}}
LATE = [  # by their codec's own delay, of which these containers know nothing
    ("wav", "mp3", 44_100, "mono"),
    ("aac", "aac", 44_100, "stereo"),
    ("flv", "aac", 44_100, "mono"),
    ("amr", "libopencore_amrnb", 8000, "mono"),
    ("wma", "wmav2", 44_100, "stereo"),
]


@pytest.mark.parametrize(("container", "codec", "rate", "layout"), IN_TIME + LATE)
def test_any_container_codec_rate_and_layout(tmp_path, write, burst, container, codec, rate, layout):
    sound = np.tile(burst(rate), (av.AudioLayout(layout).nb_channels, 1))
    path = write(tmp_path / f"a.{container}", sound, rate, codec, layout, **OPTIONS.get(codec, {}))
    recording = load_audio(path)
    assert recording.samples.dtype == np.float32 and recording.path == path
    assert len(recording.samples) == frame_count(recording.duration, SAMPLE_RATE)
    late = 0.05 if (container, codec, rate, layout) in LATE else 0.011
    assert float(recording.duration) == pytest.approx(2, abs=0.04 + late)  # codecs pad to whole frames
    assert onset(recording.samples) == pytest.approx(1, abs=late)
    middle = recording.samples[17_600:23_200]
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert power.argmax() * SAMPLE_RATE / len(middle) == pytest.approx(440, abs=2)
    assert middle.std() > 0.8 * 0.25 / 2**0.5


def test_lossless_duration_is_exact_and_in_time(tmp_path, write):
    sound = np.zeros((1, 44_100), np.float32)
    sound[0, 22_050] = 0.9
    recording = load_audio(write(tmp_path / "click.wav", sound, 44_100))
    assert recording.duration == 1 and len(recording.samples) == SAMPLE_RATE
    assert abs(int(recording.samples.argmax()) - 8000) <= 1


@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_16_khz_passes_untouched_offset_and_all(tmp_path, write, offset):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 5001)).astype(np.float32) + np.float32(offset)
    recording = load_audio(write(tmp_path / "x.wav", sound, 16_000, "pcm_f32le"))
    assert recording.duration == Fraction(5001, 16_000)
    np.testing.assert_array_equal(recording.samples, sound[0])


@pytest.mark.parametrize("samples", [1, 10, 800])
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 192_000])
def test_very_short_and_silent_clips_are_valid(tmp_path, write, samples, rate):
    recording = load_audio(write(tmp_path / "x.wav", np.zeros((1, samples), np.float32), rate))
    assert recording.duration == Fraction(samples, rate)
    assert len(recording.samples) == frame_count(recording.duration, SAMPLE_RATE)
    assert not recording.samples.any()


@pytest.mark.parametrize("name", ["take 1: final.mkv", "声.mkv", "n" * 246 + ".mkv", "a,b,,:c.mkv"])
def test_odd_names(tmp_path, write, name):
    write(tmp_path / "plain.mkv", tone(1, 16_000), 16_000, "flac").rename(tmp_path / name)
    assert load_audio(tmp_path / name).duration == 1


def test_a_name_that_is_not_utf8(tmp_path, write):
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    os.rename(write(tmp_path / "plain.wav", tone(1, 16_000), 16_000), path)
    assert load_audio(os.fsdecode(path)).duration == 1


# ---- The container's time


def film(path: Path, sound_starts: float, seconds: float = 1.0, cover: bool = False) -> Path:
    """Black pictures from 0, or cover art, and a tone from ``sound_starts`` on."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mjpeg" if cover else "mpeg4", rate=25)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuvj420p" if cover else "yuv420p"
        if cover:
            picture.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("flac" if path.suffix == ".mkv" else "aac", rate=16_000, layout="mono")
        for _ in range(1 if cover else round(25 * (sound_starts + seconds))):
            black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            container.mux(picture.encode(black))
        container.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(tone(seconds, 16_000), "fltp", "mono")
        convert = av.AudioResampler(sound.format, "mono", 16_000)
        frame.sample_rate, frame.pts, frame.time_base = (
            16_000,
            round(sound_starts * 16_000),
            Fraction(1, 16_000),
        )
        for piece in convert.resample(frame):
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "ts"])
@pytest.mark.parametrize("starts", [0.0, 0.5])
def test_sound_that_starts_after_the_picture_is_late_by_as_much(tmp_path, ending, starts):
    recording = load_audio(film(tmp_path / f"film.{ending}", starts))
    known = (
        0.003 if ending != "ts" else 0.15
    )  # ts knows neither the codec's delay nor when its picture starts
    assert onset(recording.samples) == pytest.approx(starts, abs=known)
    assert float(recording.duration) == pytest.approx(starts + 1, abs=0.01 + known)


def test_cover_art_is_no_picture_to_be_late_for(tmp_path):
    path = film(tmp_path / "cover.mp4", 0, cover=True)
    assert onset(load_audio(path).samples) < 0.005


@pytest.mark.parametrize(
    ("ending", "codec"), [("webm", "libopus"), ("mkv", "aac"), ("mp4", "aac"), ("ts", "mp2")]
)
@pytest.mark.parametrize("lost", [0.6, 0.05])
def test_lost_packets_are_silence(tmp_path, write, burst, ending, codec, lost):
    gap = (0.3, 0.3 + lost)
    path = write(tmp_path / f"x.{ending}", burst(48_000), 48_000, codec, lost=gap)
    recording = load_audio(path)
    assert float(recording.duration) == pytest.approx(2, abs=0.03)
    assert onset(recording.samples) == pytest.approx(1, abs=0.012)
    told = re.search(r": (.*) s are missing, first after (.*) s, and silent", warning(path))
    assert told and float(told[1]) == pytest.approx(lost, abs=0.03)
    assert float(told[2]) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    ("name", "seconds", "speech"),
    [
        ("sound_starts_0.5s.mp4", 5.27, 1.50),
        ("hole_0.6s.webm", 4.77, 1.00),
        ("chained_other_rate.ogg", 4.77, 1.00),
        ("lyrics3.mp3", 4.765, 1.00),
        ("cut_off.aac", 3.11, 1.02),
    ],
)
def test_files_of_the_wild(name, seconds, speech):
    recording = load_audio(CASES / name)
    assert float(recording.duration) == pytest.approx(seconds, abs=0.012)
    loud = np.abs(recording.samples) > 0.02
    assert loud.argmax() / SAMPLE_RATE == pytest.approx(speech, abs=0.012)


# ---- Tracks


def tracks(path: Path, *voices: float, default: int | None = None) -> Path:
    """A film's sound tracks, each 0 (silent) or a tone of that amplitude."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in voices]
        for i, stream in enumerate(streams):
            marked = default is None or i == default
            stream.disposition = av.stream.Disposition.default if marked else av.stream.Disposition(0)
        for stream, voice in zip(streams, voices, strict=True):
            samples = (voice * tone(1, 16_000) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, 0
            container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def peak(sound: Sound) -> float:
    return max(float(piece.max()) for piece in sound.speech())


def test_the_default_track_is_taken_and_told(tmp_path):
    sound = Sound.open(tracks(tmp_path / "x.mkv", 0.2, 0.4, 0.6, default=1))
    assert peak(sound) == pytest.approx(0.2, abs=0.01)
    assert "3 sound tracks; track 2 is used" in sound.warnings[0]


@pytest.mark.parametrize("ending", ["mkv", "avi"])
def test_without_one_default_the_first_that_is_not_silent_is_taken(tmp_path, ending):
    sound = Sound.open(tracks(tmp_path / f"x.{ending}", 0, 0.4, 0.6))
    assert peak(sound) == pytest.approx(0.2, abs=0.01)
    assert len(sound.warnings) == 1 and "track 2" in sound.warnings[0]


def test_a_track_that_is_asked_for_is_taken_without_a_word(tmp_path):
    path = tracks(tmp_path / "x.mkv", 0.2, 0.4, 0.6, default=1)
    sound = Sound.open(path, track=3)
    assert peak(sound) == pytest.approx(0.3, abs=0.01) and not sound.warnings
    for missing in (0, 4, -1):
        with pytest.raises(EmoGeneError, match=r"x\.mkv: there is no sound track"):
            Sound.open(path, track=missing)


# ---- Damage


def cut(path: Path) -> Path:
    """Three fifths of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    return path


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        *[("wav", "pcm_s16le"), ("w64", "pcm_s16le"), ("caf", "pcm_s16le"), ("aiff", "pcm_s16be")],
        *[("au", "pcm_s16be"), ("flac", "flac"), ("tta", "tta"), ("mp3", "libmp3lame"), ("aac", "aac")],
        *[("ogg", "libopus"), ("webm", "libopus"), ("mkv", "aac"), ("flv", "aac"), ("avi", "mp3")],
    ],
)
def test_what_is_there_of_a_cut_off_file_is_used_and_the_rest_is_told(tmp_path, write, ending, codec):
    path = cut(write(tmp_path / f"x.{ending}", noise(3, 48_000), 48_000, codec))
    recording = load_audio(path)
    assert 0.7 < recording.duration < 2.2 and recording.samples[SAMPLE_RATE // 4 :].std() > 0.1
    assert "the rest is used" in warning(path)


@pytest.mark.parametrize(
    ("ending", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("mp3", "libmp3lame"), ("m4a", "aac")]
)
def test_whole_files_have_no_warning(tmp_path, write, ending, codec):
    sound = Sound.open(write(tmp_path / f"x.{ending}", noise(1, 44_100), 44_100, codec))
    assert sum(map(len, sound.speech())) and not sound.warnings


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        *[("m4a", "aac"), ("mkv", "aac"), ("webm", "libopus"), ("flac", "flac"), ("ogg", "libopus")],
        *[("flv", "aac"), ("ts", "aac")],
    ],
)
def test_what_follows_damage_stays_in_time(tmp_path, write, ending, codec):
    sound = 0.2 * noise(8, 48_000)
    sound[0, 48_000 * 7 : 48_000 * 7 + 8000] *= 10
    path = write(tmp_path / f"x.{ending}", sound, 48_000, codec)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = np.random.default_rng(3).bytes(1500)
    path.write_bytes(data)
    recording = load_audio(path)
    assert float(recording.duration) == pytest.approx(8, abs=0.05)
    assert (np.abs(recording.samples) > 0.3).argmax() / SAMPLE_RATE == pytest.approx(7, abs=0.03)
    assert "the rest is used" in warning(path)


def test_packets_of_no_bytes_are_nothing(tmp_path):
    path = tmp_path / "x.nut"
    samples = (tone(1, 16_000) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start in range(0, 16_000, 1600):
            frame = av.AudioFrame.from_ndarray(samples[:, start : start + 1600], "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(stream.encode(frame))
            nothing = av.Packet(b"")
            nothing.stream, nothing.time_base = stream, Fraction(1, 16_000)
            nothing.pts = nothing.dts = start + 800
            container.mux(nothing)
    sound = Sound.open(path)
    heard = np.concatenate(list(sound.speech()))
    np.testing.assert_allclose(heard, samples[0] / 32768, atol=1e-6)
    assert sound.duration == 1 and not sound.warnings


def test_lyrics_behind_an_mp3_are_told_once(tmp_path):
    assert "1 packet (183 bytes) after 4.77 s cannot be decoded" in warning(CASES / "lyrics3.mp3")


def unknown_codec(path: Path) -> Path:
    head = struct.pack(
        "<4sI8sIHHIIHH4sI", b"RIFF", 3236, b"WAVEfmt ", 16, 0x9999, 1, 16_000, 32_000, 2, 16, b"data", 3200
    )
    path.write_bytes(head + bytes(3200))
    return path


def silences_cut_out(path: Path) -> Path:
    path.write_bytes((CASES / "voice_memo_dtx.amr").read_bytes())
    return path


def silent_video(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        container.mux(picture.encode(None))
    return path


def garbage(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(1).bytes(20_000))
    return path


def text(path: Path) -> Path:
    path.write_text("this is not sound\n" * 50)
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def no_samples(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    return path


def playlist(path: Path) -> Path:
    path.write_text("#EXTM3U\n#EXTINF:10,\nhttp://example.com/a.ts\n")
    return path


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("missing.wav", lambda path: path, "no such file"),
        ("folder", lambda path: path.mkdir() or path, "not a file"),
        ("n" * 300, lambda path: path, "cannot be read"),
        ("nul\0.wav", lambda path: path, "no such file"),
        ("mute.mp4", silent_video, "has no sound"),
        ("corrupt.mp3", garbage, "corrupt"),
        ("corrupt.m4a", garbage, "not a sound file"),
        ("text.wav", text, "text"),
        ("text.txt", text, "text"),
        ("empty.wav", empty, "not a sound file"),
        ("zero.wav", no_samples, "0 samples"),
        ("unknown.wav", unknown_codec, "not supported; convert it"),
        ("memo.amr", silences_cut_out, "not supported; convert it"),
        ("list.m3u8", playlist, "list"),
    ],
)
def test_what_the_user_can_get_wrong_is_one_line_at_once(tmp_path, name, make, says):
    path = make(tmp_path / name)
    with pytest.raises(EmoGeneError, match=says) as error:
        SoundFile(path)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_an_mp4_without_its_index_says_that_it_is_cut_off(tmp_path, write):
    path = cut(write(tmp_path / "x.m4a", noise(1, 48_000), 48_000, "aac"))
    with pytest.raises(EmoGeneError, match=r"cut off: the index at its end \(moov\) is missing"):
        SoundFile(path)
