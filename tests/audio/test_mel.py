import numpy as np
import torch

from emogene.audio.mel import BANDS, FLOOR, log_mel


def test_rows_are_whispers_spectrum_in_place():
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    rows = log_mel(sound, 0, 50)
    assert rows.shape == (103, BANDS) and rows.dtype == np.float32
    spectrum = torch.stft(
        torch.from_numpy(sound),
        *(400, 160),
        window=torch.hann_window(400),
        return_complex=True,
        pad_mode="constant",
    )
    power = spectrum.abs().square().sum(0).numpy()
    loudest = rows[2 : 2 + len(power)].argmax(0)
    assert len(loudest) == BANDS
    heard = (10 ** (rows[2 : 2 + len(power)] * 4 - 4)).sum(1)
    assert np.corrcoef(heard, power)[0, 1] > 0.8


def test_a_tone_is_in_its_band_at_its_time():
    time = np.arange(32_000) / 16_000
    tone = np.where(time >= 1, np.sin(2 * np.pi * 1000 * time), 0).astype(np.float32)
    rows = log_mel(tone, 0, 100)
    # 1 kHz is 15 of Slaney's mels, bands are 0.56 apart.
    assert rows[150].argmax() == rows[180].argmax() == 26
    np.testing.assert_allclose(rows[:90], (np.log10(FLOOR) + 4) / 4, atol=1e-6)
    assert rows[110].max() > 0.5


def test_a_part_is_the_same_as_in_the_whole():
    sound = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    whole = log_mel(sound, -20, 80)
    np.testing.assert_allclose(log_mel(sound, 10, 30), whole[60:103], atol=1e-5)
    assert (log_mel(sound, 200, 210) == whole[0, 0]).all()


def test_gain_is_a_shift():
    sound = np.random.default_rng(2).normal(0, 0.1, 8_000).astype(np.float32)
    np.testing.assert_allclose(log_mel(sound, 2, 20, 10.0) - log_mel(sound, 2, 20), 0.5, atol=1e-4)
