"""The speech encoder: its clock, its bounded view, its seams and its robustness."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.audio import load_audio
from emogene.audio.encoder import EncoderConfig, EncoderNet, SpeechEncoder, listen, load, save
from emogene.audio.spectrum import HOP, spectrum
from emogene.errors import EmoGeneError

DEMO = Path(__file__).parents[2] / "src" / "emogene" / "assets" / "demo.ogg"


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    return SpeechEncoder.from_embedded()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return load_audio(DEMO).samples[: 16_000 * 6]


def random_encoder() -> SpeechEncoder:
    torch.manual_seed(0)
    return SpeechEncoder(EncoderNet(EncoderConfig(width=16, hidden=32, features=8)))


@given(samples=st.integers(1, 20_000), window=st.integers(7, 80))
@settings(max_examples=25, deadline=None)
def test_one_row_per_20_ms_whatever_the_window(samples: int, window: int) -> None:
    sound = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    whole = random_encoder().encode(sound)
    assert whole.shape == (-(-samples // HOP), 8) and whole.dtype == np.float32
    np.testing.assert_allclose(random_encoder().encode(sound, window), whole, atol=2e-5)


def test_hears_from_two_seconds_before_to_seven_tenths_after() -> None:
    encoder = random_encoder()
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000 * 6).astype(np.float32)
    click = sound.copy()
    click[48_000] += 0.5  # frame 150
    changed = np.flatnonzero(np.abs(encoder.encode(click) - encoder.encode(sound)).max(1) > 0)
    # The spectra reach one frame further: half their window is 16 ms.
    assert 150 - encoder.ahead - 1 <= changed[0] and changed[-1] <= 150 + encoder.back + 1
    assert encoder.ahead * 20 + 16 <= 700 and encoder.back * 20 <= 2000


def test_listen_is_the_spectrum_at_100_hz_in_place(speech: np.ndarray) -> None:
    heard = listen(speech, 0, 100)
    offset = heard[:, :80] - spectrum(speech, 100)[0] / 4
    np.testing.assert_allclose(offset, 2.25, atol=1e-5)
    np.testing.assert_allclose(listen(speech, -30, 60)[50:70], heard[20:40], atol=1e-5)
    np.testing.assert_array_equal(listen(speech, -80, -40), np.full((40, 160), listen(speech, -2, -1)[0, 0]))


def test_windowed_equals_whole(encoder: SpeechEncoder, speech: np.ndarray) -> None:
    np.testing.assert_allclose(encoder.encode(speech, 64), encoder.encode(speech), atol=1e-3)


def test_features_are_scaled_and_repeatable(encoder: SpeechEncoder, speech: np.ndarray) -> None:
    features = encoder.encode(speech)
    np.testing.assert_array_equal(features, encoder.encode(speech))
    assert 0.4 < features.std() < 2.5 and np.abs(features.mean(0)).max() < 3


def test_level_and_noise_change_the_features_less_than_the_words_do(
    encoder: SpeechEncoder, speech: np.ndarray
) -> None:
    clean, rng = encoder.encode(speech), np.random.default_rng(0)
    faint = encoder.encode(speech * 0.1)
    noisy = encoder.encode((speech + rng.normal(0, speech.std() / 10, len(speech))).astype(np.float32))
    change = np.square(clean - np.roll(clean, 25, axis=0)).mean()
    assert np.square(clean - faint).mean() < 0.15 * change
    assert np.square(clean - noisy).mean() < 0.4 * change


@pytest.mark.parametrize("samples", [1, 800, 16_000])
def test_silence_and_the_shortest_sounds_are_finite(encoder: SpeechEncoder, samples: int) -> None:
    for sound in (np.zeros(samples, np.float32), np.ones(samples, np.float32)):
        features = encoder.encode(sound)
        assert features.shape == (-(-samples // 320), encoder.features) and np.isfinite(features).all()


def test_save_and_load(tmp_path: Path) -> None:
    encoder, path = random_encoder(), tmp_path / "encoder.safetensors"
    save(encoder.net, path, {"licence": "none"})
    again = load(path)
    assert again.config == encoder.net.config
    for name, value in encoder.net.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=2e-3, rtol=1e-3)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(EmoGeneError, match="not a speech encoder"):
        load(path)
