from fractions import Fraction
from functools import cache
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emogene
from emogene.audio import Recording, Speech, SpeechEncoder, SpeechStream, analyse, load_audio
from emogene.clock import SAMPLE_RATE

DEMO = Path(emogene.__file__).parent / "assets" / "demo.ogg"


@cache
def encoder() -> SpeechEncoder:
    return SpeechEncoder.from_embedded()


@cache
def demo() -> np.ndarray:
    return load_audio(DEMO).samples


@cache
def heard() -> Speech:
    return analyse(demo(), encoder())


def voice(seconds: float, hz: float) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.2 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 12))).astype(np.float32)


def change(found: np.ndarray, expected: np.ndarray) -> float:
    """Mean squared difference against that of the features half a second later."""
    found, expected = found.astype(np.float32), expected.astype(np.float32)
    return float(np.square(found - expected).mean() / np.square(expected - np.roll(expected, 25, 0)).mean())


@given(st.integers(1, 4000))
@settings(max_examples=15, deadline=None)
def test_frames_cover_the_duration(samples):
    speech = analyse(np.zeros(samples, np.float32))
    assert speech.end == Fraction(samples, SAMPLE_RATE)
    assert len(speech.f0) == len(speech.loudness) == -(-samples // 320)


@given(samples=st.integers(1, 30_000), rate=st.sampled_from([11_025, 22_050, 44_100, 48_000]))
@settings(max_examples=20, deadline=None)
def test_frames_cover_the_duration_of_any_source(samples, rate):
    duration = Fraction(samples, rate)
    recording = Recording(np.zeros(ceil(duration * SAMPLE_RATE), np.float32), duration)
    speech = analyse(recording, encoder())
    assert speech.end == duration
    for rows in (speech.f0, speech.loudness, speech.features):
        assert len(rows) == ceil(duration * 50)


def test_silence():
    speech = analyse(np.zeros(SAMPLE_RATE, np.float32))
    assert (speech.loudness == -80).all() and not speech.f0.any()


@pytest.mark.parametrize("hz", [80, 120, 220, 400])
def test_pitch_of_a_voice(hz):
    f0 = analyse(voice(1, hz)).f0[5:-5]
    assert np.median(f0) == pytest.approx(hz, rel=0.01)
    assert (f0 > 0).mean() > 0.95


def test_frames_are_centred_at_their_time():
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[25 * 320] = 1
    assert analyse(sound).loudness.argmax() == 25


def test_loudness_is_rms_in_decibels():
    tone = 0.1 * 2**0.5 * np.sin(2 * np.pi * 500 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert analyse(tone.astype(np.float32)).loudness[10:-10] == pytest.approx(-20, abs=0.01)


def test_beyond_the_end_is_silence():
    sound = np.concatenate([voice(0.1, 200), np.zeros(3200, np.float32)])
    assert (analyse(sound).loudness[7:] == -80).all()


def test_a_constant_offset_changes_nothing():
    quiet = 0.01 * demo()
    plain, offset = (analyse(samples, encoder()) for samples in (quiet, quiet + np.float32(0.02)))
    np.testing.assert_allclose(offset.loudness, plain.loudness, atol=0.05)
    both = (plain.f0 > 0) & (offset.f0 > 0)
    assert ((plain.f0 > 0) == (offset.f0 > 0)).mean() > 0.98
    assert np.abs(np.log2(offset.f0[both] / plain.f0[both])).max() < 0.05
    assert change(offset.features, plain.features) < 0.02


def test_the_encoder_hears_with_gain():
    """The same voice 20 dB lower has the same features; without gain it has not."""
    lower = 0.1 * demo()
    with_gain = change(analyse(lower, encoder()).features, heard().features)
    without = change(encoder().encode(lower), encoder().encode(demo()))
    assert with_gain < 1e-4 and without > 0.02
    assert heard().features.dtype == np.float16 and heard().features.shape[1] == encoder().features


def test_pieces_of_a_second_give_the_whole():
    stream, found = SpeechStream(encoder()), []
    for start in range(0, len(demo()), SAMPLE_RATE):
        found.append(stream.push(demo()[start : start + SAMPLE_RATE]))
    found.append(stream.push(None, end=Fraction(len(demo()), SAMPLE_RATE)))
    assert len(found[0].loudness) >= 49 and found[3].features is not None, "nothing waits for the end"
    for name, tolerance in {"samples": 0, "loudness": 1e-4, "f0": 0.1, "features": 2e-2}.items():
        joined = np.concatenate([rows for piece in found if (rows := getattr(piece, name)) is not None])
        np.testing.assert_allclose(joined, getattr(heard(), name), atol=tolerance, rtol=1e-4)


def test_without_an_encoder_there_are_no_features():
    speech = analyse(voice(0.5, 120))
    assert speech.features is None and speech.loudness is not None
