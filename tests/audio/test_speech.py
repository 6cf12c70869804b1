from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.audio import SAMPLE_RATE, analyse
from emogene.audio import loudness as loudness_module
from emogene.audio import pitch as pitch_module


def voice(seconds: float, hz: float) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.2 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 12))).astype(np.float32)


@given(st.integers(1, 4000))
@settings(max_examples=15, deadline=None)
def test_frames_cover_the_duration(samples):
    speech = analyse(np.zeros(samples, np.float32))
    assert speech.duration == Fraction(samples, SAMPLE_RATE)
    assert len(speech) == -(-samples // 320)
    assert len(speech.f0) == len(speech.loudness) == len(speech)


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
    sound = np.full(SAMPLE_RATE, 0.1, np.float32)
    assert analyse(sound).loudness[10:-10] == pytest.approx(-20, abs=0.01)


def test_long_audio_in_pieces_equals_the_whole(monkeypatch):
    sound = np.concatenate([voice(3, 110), voice(3, 180)]) * np.hanning(6 * SAMPLE_RATE).astype(np.float32)
    whole = analyse(sound)
    monkeypatch.setattr(loudness_module, "_BLOCK", 37)
    monkeypatch.setattr(pitch_module, "_PIECE", 50 * 256)
    pieces = analyse(sound)
    np.testing.assert_array_equal(pieces.loudness, whole.loudness)
    np.testing.assert_allclose(pieces.f0, whole.f0, rtol=1e-3)


def test_beyond_the_end_is_silence():
    assert (loudness_module.loudness(voice(0.1, 200), 20)[10:] == -80).all()
