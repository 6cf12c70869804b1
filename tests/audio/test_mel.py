from fractions import Fraction

import numpy as np
import torch

from emogene.audio.mel import BANDS, FLOOR, MelSpectrum, log_mel
from emogene.stream import run


def spectrum(sound: np.ndarray) -> np.ndarray:
    """Mel power ``[2 ceil(n / 320), 80]``, a row each 10 ms."""
    (power,) = run(MelSpectrum(), sound.astype(np.float32), duration=Fraction(len(sound), 16_000))
    return power.reshape(-1, BANDS)


def test_rows_are_whispers_spectrum_in_place():
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    rows = spectrum(sound)
    assert rows.shape == (100, BANDS) and rows.dtype == np.float32
    stft = torch.stft(
        torch.from_numpy(sound),
        *(400, 160),
        window=torch.hann_window(400),
        return_complex=True,
        pad_mode="constant",
    )
    power = stft.abs().square().sum(0).numpy()[:100]
    assert np.corrcoef(rows.sum(1), power)[0, 1] > 0.8


def test_a_tone_is_in_its_band_at_its_time():
    time = np.arange(32_000) / 16_000
    rows = spectrum(np.where(time >= 1, np.sin(2 * np.pi * 1000 * time), 0))
    # 1 kHz is 15 of Slaney's mels, bands are 0.56 apart.
    assert rows[150].argmax() == rows[180].argmax() == 26
    assert not rows[:98].any()
    np.testing.assert_allclose(log_mel(rows[:98].reshape(-1, 2, BANDS)), np.log10(FLOOR) / 4 + 1, atol=1e-6)
    assert log_mel(rows[106:108, None]).max() > 0.5


def test_a_constant_offset_is_no_sound():
    sound = np.random.default_rng(1).normal(0, 0.01, 16_000)
    np.testing.assert_allclose(spectrum(sound + 0.3), spectrum(sound), rtol=2e-3, atol=1e-6)
    assert spectrum(np.full(16_000, 0.3)).max() < FLOOR, "nor where it begins and ends"


def test_gain_is_a_shift_of_what_is_above_the_floor():
    sound = np.random.default_rng(2).normal(0, 0.1, 8_000).astype(np.float32)
    power = spectrum(sound).reshape(-1, 2, BANDS)
    np.testing.assert_allclose(log_mel(power, 10.0) - log_mel(power), 0.5, atol=1e-4)
    gains = np.linspace(1, 10, len(power), dtype=np.float32)
    shift = log_mel(power, gains) - log_mel(power)
    np.testing.assert_allclose(shift[:, 1, 40], np.log10(gains) / 2, atol=1e-4)
    assert (log_mel(0 * power, 100.0) == log_mel(0 * power)).all()
