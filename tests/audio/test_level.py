from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import emogene
from emogene.audio import analyse, load_audio
from emogene.audio.level import FAINTEST, LOUD, QUIETEST, Gain
from emogene.clock import SPEECH_FPS
from emogene.stream import run

DEMO = Path(emogene.__file__).parent / "assets" / "demo.ogg"


def gain(loudness: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """The gain ``[T]`` in dB."""
    duration = Fraction(len(loudness)) / SPEECH_FPS
    (factor,) = run(Gain(), loudness.astype(np.float32), f0.astype(np.float32), duration=duration)
    return 20 * np.log10(factor)


def steady(level: float, hz: float, frames: int = 400) -> tuple[np.ndarray, np.ndarray]:
    return np.full(frames, level), np.full(frames, hz)


@cache
def demo() -> np.ndarray:
    return load_audio(DEMO).samples


@pytest.mark.parametrize("level", [-6, -18, -30, -50])
def test_a_voice_is_brought_to_its_level(level):
    np.testing.assert_allclose(gain(*steady(level, 150)), LOUD - level, atol=1e-3)


def test_what_is_too_faint_is_not_turned_up_further():
    np.testing.assert_allclose(gain(*steady(-75, 150)), LOUD - FAINTEST, atol=1e-3)


@pytest.mark.parametrize("level", [-80, -60, -40])
def test_silence_and_room_stay_quiet(level):
    found = gain(*steady(level, 0))
    np.testing.assert_allclose(found, LOUD - QUIETEST, atol=1e-3)
    assert found.max() < 10


def test_loud_noise_is_turned_down():
    np.testing.assert_allclose(gain(*steady(-6, 0)), LOUD + 6, atol=1e-3)


def test_breath_before_the_first_word_is_not_turned_up():
    """A second and a half of room and breath, then a loud voice."""
    loudness, f0 = np.full(300, -45.0), np.zeros(300)
    loudness[75:], f0[75:] = -10, 150
    found = gain(loudness, f0)
    assert found[0] <= LOUD - QUIETEST + 0.01 and found[40:].max() < LOUD + 10.1
    assert abs(np.diff(found)).max() < 1.5, "it glides"


def test_a_loud_noise_does_not_decide_how_loud_the_voice_is():
    loudness, f0 = steady(-40, 150, 600)
    loudness[300:330], f0[300:330] = -5, 0
    loudness[275:355:10] = -40
    f0[270:360] = 0  # a door falls shut in a pause
    found = gain(loudness, f0)
    np.testing.assert_allclose(found[100:280], LOUD + 40, atol=0.1)


def test_it_follows_the_last_seconds():
    loudness = np.concatenate([np.full(500, -20.0), np.full(700, -40.0)])
    found = gain(loudness, np.full(1200, 150.0))
    assert found[300] == pytest.approx(LOUD + 20, abs=0.1)
    assert found[500 + 350] == pytest.approx(LOUD + 40, abs=0.1)
    assert found[600] == pytest.approx(LOUD + 20, abs=0.1), "a quieter second is no reason yet"


@pytest.mark.parametrize("decibels", [-10, -20, -30])
def test_the_distance_to_the_microphone_is_made_up_for(decibels):
    def heard(samples: np.ndarray) -> np.ndarray:
        speech = analyse(samples.astype(np.float32))
        assert speech.loudness is not None and speech.f0 is not None
        return gain(speech.loudness, speech.f0)

    made_up = heard(demo() * 10 ** (decibels / 20)) - heard(demo())
    assert np.abs(made_up + decibels).max() < 1
