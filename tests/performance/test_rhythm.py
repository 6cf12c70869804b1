from fractions import Fraction

import numpy as np
import pytest
from emogene.audio.prosody import Prosody
from hypothesis import given, settings
from hypothesis import strategies as st

FPS = Fraction(25)


def phrases(*seconds: tuple[float, float], total: float = 12, level: float = -20) -> np.ndarray:
    """Loudness of a voice that speaks from ... to ..., syllables four times a second; else silence."""
    time = np.arange(int(total * 25)) / 25
    loudness = np.full(len(time), -80.0)
    for start, end in seconds:
        during = (start <= time) & (time < end)
        loudness[during] = level + 3 * np.sin(8 * np.pi * time[during])
    return loudness


def test_activity_accents_and_phrase_ends():
    loudness = phrases((1, 4), (6, 10))
    loudness[[60, 200]] += 30
    voice = Prosody.of(loudness, FPS)
    assert voice.activity[[0, 130, 290]].max() < 0.15 and voice.activity[[60, 200]].min() > 0.85
    np.testing.assert_allclose(voice.phrase_ends / 25, [4, 10], atol=0.3)
    assert {60, 200} <= set(voice.accents.tolist())
    assert (np.diff(voice.accents) >= 17).all()


@pytest.mark.parametrize("level", [-10, -25, -40])
def test_a_quiet_recording_is_as_alive_as_a_loud_one(level):
    voice = Prosody.of(phrases((1, 4), level=level), FPS)
    assert voice.activity.max() > 0.85 and len(voice.phrase_ends) == 1


def test_silence_and_steady_noise():
    silence = Prosody.of(np.full(100, -80.0), FPS)
    assert silence.activity.max() < 1e-3 and not len(silence.accents) and not len(silence.phrase_ends)
    noise = Prosody.of(np.full(100, -20.0), FPS)
    assert noise.activity.min() > 0.9 and not len(noise.accents)


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(1, 400), seed=st.integers(0, 99), fps=st.sampled_from([25, 30, 50]))
def test_any_length_is_bounded_and_finite(frames, seed, fps):
    loudness = np.random.default_rng(seed).uniform(-80, 0, frames)
    voice = Prosody.of(loudness, Fraction(fps))
    assert voice.activity.shape == (frames,) and voice.activity.dtype == np.float32
    assert (voice.activity >= 0).all() and (voice.activity <= 1).all()
    for moments in (voice.accents, voice.phrase_ends):
        assert ((moments >= 0) & (moments < frames)).all()
