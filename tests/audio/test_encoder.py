"""The speech encoder: its clock, its bounded view and its robustness."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.audio import load_audio
from emogene.audio.encoder import FORMAT, EncoderConfig, EncoderNet, SpeechEncoder
from emogene.audio.loudness import HOP
from emogene.audio.mel import MelSpectrum
from emogene.stream import run
from emogene.weights.file import save_network

DEMO = Path(__file__).parents[2] / "src" / "emogene" / "assets" / "demo.ogg"
SMALL = EncoderConfig(width=16, heads=2, hidden=32, layers=2, back=9, ahead=3)


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    return SpeechEncoder.from_embedded()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return load_audio(DEMO).samples[: 16_000 * 6]


def random_net(config: EncoderConfig = SMALL) -> EncoderNet:
    torch.manual_seed(0)
    net = EncoderNet(config)
    for layer in net.layers:
        torch.nn.init.normal_(layer.relative_bias)
    return net


@given(samples=st.integers(1, 40_000))
@settings(max_examples=25, deadline=None)
def test_one_row_per_20_ms(samples: int) -> None:
    sound = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    features = SpeechEncoder(random_net()).encode(sound)
    assert features.shape == (-(-samples // HOP), 16) and features.dtype == np.float16


def test_attention_is_what_its_definition_says() -> None:
    layer, x = random_net().layers[0], torch.randn(1, 200, 16)
    normal = layer.attention_norm(x)
    query, (key, value) = layer.query(normal), layer.key_value(normal).chunk(2, -1)
    query, key, value = (y.unflatten(-1, (2, 8)).transpose(1, 2) for y in (query, key, value))
    place = torch.arange(200)[None] - torch.arange(200)[:, None] + layer.back
    bias = layer.relative_bias[:, place.clamp(0, 12)].masked_fill((place < 0) | (place > 12), -torch.inf)
    mixed = ((query @ key.mT / 8**0.5 + bias).softmax(-1) @ value).transpose(1, 2).flatten(2)
    y = x + layer.out_proj(mixed)
    y = y + layer.fc2(torch.nn.functional.gelu(layer.fc1(layer.mlp_norm(y))))
    torch.testing.assert_close(layer(x), y[:, 9:-3], atol=1e-5, rtol=1e-4)


def test_hears_three_seconds_back_and_half_a_second_ahead(encoder: SpeechEncoder) -> None:
    back, ahead = encoder.net.config.reach
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000 * 8).astype(np.float32)
    click = sound.copy()
    click[200 * HOP] += 0.5
    changed = np.flatnonzero((encoder.encode(click) != encoder.encode(sound)).any(1))
    # The spectra and convolutions reach two frames further.
    assert 200 - ahead - 2 <= changed[0] and changed[-1] <= 200 + back + 2
    assert ahead * 20 + 32.5 < 520 and back * 20 <= 3000


def test_silence_is_nearly_zero(encoder: SpeechEncoder) -> None:
    silence = encoder.encode(np.zeros(16_000, np.float32)).astype(np.float32)
    assert np.abs(silence).max() < 0.3 and np.square(silence).mean() < 2e-3  # the weights are rounded


def test_features_are_scaled_and_repeatable(encoder: SpeechEncoder, speech: np.ndarray) -> None:
    features = encoder.encode(speech)
    np.testing.assert_array_equal(features, encoder.encode(speech))
    assert 0.5 < features.astype(np.float32).std() < 2


def test_a_gain_is_the_sound_that_much_louder(encoder: SpeechEncoder, speech: np.ndarray) -> None:
    for factor in (0.25, 4):
        np.testing.assert_allclose(
            encoder.encode(speech, gain=factor), encoder.encode(factor * speech), atol=5e-2
        )
    changed = encoder.encode(speech, gain=4).astype(np.float32) - encoder.encode(speech)
    assert np.abs(changed).max() > 0.5, "gain counts"


def test_the_gain_may_change_in_time(encoder: SpeechEncoder, speech: np.ndarray) -> None:
    (power,) = run(MelSpectrum(), speech, duration=Fraction(len(speech), 16_000))
    gain = np.where(np.arange(len(power)) < 150, 1, 4).astype(np.float32)
    (found,) = run(encoder, power, gain, duration=Fraction(len(speech), 16_000))
    back, ahead = encoder.net.config.reach
    before, after = slice(0, 150 - ahead - 2), slice(150 + back + 2, None)
    np.testing.assert_allclose(found[before], encoder.encode(speech)[before], atol=2e-2)
    np.testing.assert_allclose(found[after], encoder.encode(speech, gain=4)[after], atol=2e-2)


def test_level_and_noise_change_the_features_less_than_the_words_do(
    encoder: SpeechEncoder, speech: np.ndarray
) -> None:
    def hear(samples: np.ndarray) -> np.ndarray:
        return encoder.encode(samples.astype(np.float32)).astype(np.float32)

    clean, rng = hear(speech), np.random.default_rng(0)
    change = np.square(clean - np.roll(clean, 25, axis=0)).mean()
    assert np.square(clean - hear(speech * 0.3)).mean() < 0.15 * change
    assert (
        np.square(clean - hear(speech + rng.normal(0, speech.std() / 10, len(speech)))).mean() < 0.4 * change
    )


@pytest.mark.parametrize("samples", [1, 800, 16_000])
def test_the_shortest_and_the_strangest_sounds_are_finite(encoder: SpeechEncoder, samples: int) -> None:
    for sound in (np.zeros(samples, np.float32), np.ones(samples, np.float32)):
        features = encoder.encode(sound)
        assert features.shape == (-(-samples // 320), encoder.features) and np.isfinite(features).all()


def test_a_saved_encoder_hears_the_same(tmp_path: Path) -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 8_000).astype(np.float32)
    save_network(random_net(), tmp_path / "small.safetensors", FORMAT, {"licence": "MIT"})
    opened = SpeechEncoder.open(tmp_path / "small.safetensors")
    np.testing.assert_array_equal(opened.encode(sound), SpeechEncoder(random_net()).encode(sound))
    assert opened.weights == (tmp_path / "small.safetensors",)


def test_the_package_carries_less_than_12_mb() -> None:
    assert (DEMO.parent / "speech_encoder.safetensors").stat().st_size < 12e6
