"""A recording wherever it comes from: what networks hear, what videos carry."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.audio.recording import Recording
from emogene.audio.sound import AAC_RATES, Sound
from emogene.audio.speech import analyse
from emogene.clock import SAMPLE_RATE, SPEECH_FPS, frame_count
from emogene.errors import EmoGeneError

RATES = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000]


def heard(sound: Sound) -> np.ndarray:
    return np.concatenate(list(sound.speech()))


def carried(sound: Sound) -> np.ndarray:
    frames = list(sound.frames())
    starts = np.cumsum([0, *(frame.samples for frame in frames)])[:-1]
    assert [frame.pts for frame in frames] == starts.tolist(), "no gap, no overlap"
    assert {frame.time_base for frame in frames} == {Fraction(1, frames[0].sample_rate)}
    return np.concatenate([frame.to_ndarray() for frame in frames], 1)


def voice(rate: int, seconds: float = 1.5) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.4 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2).astype(np.float32)


# ---- Every length


@settings(max_examples=80, deadline=None)
@given(
    rate=st.sampled_from(RATES),
    fps=st.sampled_from([25, 30, 50, 60]),
    frame=st.integers(1, 60),
    more=st.integers(0, 2),
)
def test_every_length_has_the_frames_that_its_time_has(rate, fps, frame, more):
    """Also the samples about a frame's border, where a rounded count is one frame short."""
    samples = frame * rate // fps + more
    recording = Recording.of(Sound.open(np.zeros(samples, np.float32), rate))
    assert recording.duration == Fraction(samples, rate)
    assert len(recording.samples) == frame_count(recording.duration, SAMPLE_RATE)
    features = frame_count(recording.duration, SPEECH_FPS)
    assert frame_count(Fraction(len(recording.samples), SAMPLE_RATE), SPEECH_FPS) == features


@pytest.mark.parametrize(("rate", "samples"), [(48_000, 48_001), (44_100, 44_101), (48_000, 96_001)])
def test_the_lengths_that_crashed(rate, samples):
    speech = analyse(Recording.of(Sound.open(np.zeros(samples, np.float32), rate)))
    frames = frame_count(Fraction(samples, rate), SPEECH_FPS)
    assert len(speech.loudness) == len(speech.f0) == frames == -(-len(speech.samples) // 320)


# ---- Arrays


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int8, np.int16, np.int32, np.uint8, np.uint16])
def test_full_scale_is_what_the_type_says(kind):
    wave = voice(SAMPLE_RATE)
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        array = np.round(wave * info.max if info.min else (wave + 1) * (info.max // 2) + 1).astype(kind)
    else:
        array = wave.astype(kind)
    np.testing.assert_allclose(heard(Sound.open(array, SAMPLE_RATE)), wave, atol=0.012)


def test_columns_are_channels():
    left, right = voice(SAMPLE_RATE), 0.1 * voice(SAMPLE_RATE)[::-1]
    sound = Sound.open(np.stack([left, right], 1), SAMPLE_RATE)
    np.testing.assert_array_equal(carried(sound), np.stack([left, right]))
    np.testing.assert_array_equal(sound.left(), left)


@pytest.mark.parametrize(
    ("array", "rate", "says"),
    [
        (np.zeros(0, np.float32), 16_000, "0 samples"),
        (np.zeros((0, 2), np.float32), 16_000, "0 samples"),
        (np.array([0.0, np.nan, 0.0]), 16_000, "not finite"),
        (np.array([0.0, np.inf]), 16_000, "not finite"),
        (np.zeros((2, 16_000), np.float32), 16_000, r"\[n\] or \[n, channels\], not \[2, 16000\]"),
        (np.zeros((4, 4, 4), np.float32), 16_000, "not"),
        (np.array(0.5), 16_000, "not"),
        (np.zeros(10, bool), 16_000, "bool"),
        (np.zeros(10, complex), 16_000, "complex"),
        (np.zeros(10), None, "rate of the samples"),
        (np.zeros(10), 0, "rate of the samples"),
        (np.zeros(10), 44_100.5, "rate of the samples"),
        (np.zeros(10), float("nan"), "rate of the samples"),
    ],
)
def test_what_is_no_sound_is_one_line(array, rate, says):
    with pytest.raises(EmoGeneError, match=says) as error:
        heard(Sound.open(array, rate))
    assert "\n" not in str(error.value)


def test_a_rate_goes_with_arrays_and_a_track_with_files(tmp_path):
    with pytest.raises(EmoGeneError, match="rate of its own"):
        Sound.open(tmp_path / "x.wav", rate=16_000)
    with pytest.raises(EmoGeneError, match="only files have tracks"):
        Sound.open(np.zeros(10), 16_000, track=1)


# ---- As it comes


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_chunks_of_any_size_give_what_the_whole_gives(rate):
    whole = Sound.open(voice(rate), rate)
    expected, sent = heard(whole), carried(whole)
    for step in (rate // 50, 1237, rate * 3):
        chunks = (voice(rate)[i : i + step] for i in range(0, len(voice(rate)), step))
        sound = Sound.open(chunks, rate)
        np.testing.assert_allclose(heard(sound), expected, atol=1e-6)
        np.testing.assert_allclose(carried(sound), sent, atol=1e-6)
        assert sound.duration == whole.duration


def test_live_sound_is_heard_as_it_comes_and_read_once():
    came: list[int] = []

    def microphone() -> Iterator[np.ndarray]:
        for i in range(10):
            came.append(i)
            yield voice(SAMPLE_RATE)[320 * i : 320 * (i + 1)]

    sound = Sound.open(microphone(), SAMPLE_RATE)
    assert not came
    speech = sound.speech()
    first = next(speech)
    assert len(first) == 320 and len(came) <= 2
    frames = sound.frames()
    assert next(frames).samples == 320 and len(came) <= 2
    rest = [*speech]
    assert len(first) + sum(map(len, rest)) == 3200
    assert 320 + sum(frame.samples for frame in frames) == 3200
    assert came == list(range(10))


def test_the_length_is_known_when_all_was_heard():
    sound = Sound.open(voice(48_000), 48_000)
    speech = sound.speech()
    next(speech)
    with pytest.raises(RuntimeError, match="heard to the end"):
        _ = sound.duration
    assert [*speech] and sound.duration == Fraction(3, 2)


def test_an_error_of_the_source_is_its_own():
    def broken() -> Iterator[np.ndarray]:
        yield np.zeros(100, np.float32)
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        heard(Sound.open(broken(), 16_000))


def test_pieces_are_never_longer_than_a_second():
    sound = Sound.open(np.zeros(192_000 * 5, np.float32), 192_000)
    assert max(map(len, sound.speech())) <= SAMPLE_RATE


# ---- Files


def test_a_files_name_and_speech(tmp_path, write):
    path = write(tmp_path / "take 1.wav", voice(16_000)[None], 16_000, "pcm_f32le")
    sound = Sound.open(str(path))
    assert (sound.name, sound.path) == ("take 1.wav", path)
    np.testing.assert_array_equal(heard(sound), voice(16_000))
    np.testing.assert_array_equal(heard(sound), voice(16_000))  # again
    assert not sound.warnings


def test_lips_and_ears_agree_on_the_length(tmp_path, write, burst):
    path = write(tmp_path / "x.mkv", burst(48_000), 48_000, "aac", lost=(0.3, 0.9))
    sound = Sound.open(path)
    speech, ears = heard(sound), carried(sound)[0]
    assert len(speech) == frame_count(sound.duration, SAMPLE_RATE)
    assert len(ears) == frame_count(sound.duration, 48_000)
    onsets = [(np.abs(x) > 0.1).argmax() / rate for x, rate in ((speech, SAMPLE_RATE), (ears, 48_000))]
    assert onsets[0] == pytest.approx(onsets[1], abs=0.001)


@pytest.mark.parametrize(
    ("rate", "layout", "kept"),
    [
        *[(rate, "mono", (rate, 1)) for rate in (8000, 44_100, 96_000)],
        (48_000, "stereo", (48_000, 2)),
        (11_000, "3 channels", (11_025, 2)),
        (192_000, "5.1", (96_000, 2)),
    ],
)
def test_a_video_carries_what_aac_has(tmp_path, write, rate, layout, kept):
    count = {"mono": 1, "stereo": 2, "3 channels": 3, "5.1": 6}[layout]
    path = write(tmp_path / "x.wav", np.tile(voice(rate) / count, (count, 1)), rate, layout=layout)
    sound = Sound.open(path)
    assert sound.carried() == kept and kept[0] in AAC_RATES
    assert carried(sound).shape == (kept[1], frame_count(Fraction(3, 2), kept[0]))


def test_dialogue_in_the_centre_is_heard_by_both_ears_and_by_the_networks(tmp_path, write):
    samples = np.zeros((6, 24_000), np.float32)
    samples[2], samples[3] = voice(16_000), 0.9
    sound = Sound.open(write(tmp_path / "x.flac", samples, 16_000, "flac", "5.1"))
    left, right = carried(sound)
    np.testing.assert_array_equal(left, right)
    for ear in (left, heard(sound)):
        np.testing.assert_allclose(ear, voice(16_000) * 0.5**0.5, atol=1e-3)


def test_inverted_stereo_is_heard_as_mono_and_carried_as_it_is(tmp_path, write):
    samples = np.stack([voice(16_000), -voice(16_000)])
    sound = Sound.open(write(tmp_path / "x.wav", samples, 16_000, "pcm_f32le", "stereo"))
    np.testing.assert_allclose(heard(sound), voice(16_000), atol=1e-5)
    np.testing.assert_array_equal(carried(sound), samples)


def test_samples_that_are_no_numbers_are_one_line_with_the_file(tmp_path, write):
    samples = voice(44_100)[None].copy()
    samples[0, 50_000] = np.nan
    sound = Sound.open(write(tmp_path / "nan.wav", samples, 44_100, "pcm_f32le"))
    with pytest.raises(EmoGeneError, match=r"nan\.wav: has samples that are not finite"):
        heard(sound)
    with pytest.raises(EmoGeneError, match=r"nan\.wav"):
        carried(sound)


@pytest.mark.parametrize("minutes", [1, 10])
def test_memory_is_the_same_for_any_length(tmp_path, minutes):
    import tracemalloc
    import wave

    with wave.open(str(tmp_path / "long.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        for _ in range(minutes):
            file.writeframes(bytes(2 * 8000 * 60))
    sound = Sound.open(tmp_path / "long.wav")
    tracemalloc.start()
    samples = sum(map(len, sound.speech()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert samples == minutes * 60 * SAMPLE_RATE
    assert peak < 2e6
