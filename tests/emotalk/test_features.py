from fractions import Fraction

import numpy as np
import pytest
import torch

from emogene.audio import analyse
from emogene.clock import SPEECH_FPS
from emogene.emotalk.content import REACH as CONTENT_REACH
from emogene.emotalk.content import SPOKEN, Content
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.features import VoiceProsody, local_level
from emogene.emotalk.listener import REACH, STRIDE, Listener
from emogene.emotalk.stage import NetworkStage
from emogene.stream import run


def _voice(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 16000)) / 16000
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 9))
    return (0.1 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def prosody(samples: np.ndarray) -> tuple[np.ndarray, ...]:
    """Prosody ``[T, 3]`` and vigour ``[T]``."""
    speech = analyse(samples.astype(np.float32))
    assert speech.f0 is not None and speech.loudness is not None and speech.end is not None
    return run(VoiceProsody(), speech.f0, speech.loudness, duration=speech.end)


def _heard(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (frames, 512)).astype(np.float16)
    return features, rng.normal(0, 0.5, (frames, 3)).astype(np.float32)


def _through(network: torch.nn.Module, heard: tuple[np.ndarray, ...], reach: int, stride: int) -> np.ndarray:
    duration = Fraction(len(heard[0])) / SPEECH_FPS
    return run(NetworkStage(network, reach, stride), *heard, duration=duration)[0]


def test_prosody_does_not_know_the_volume():
    loud, soft = prosody(_voice(2))[0], prosody(_voice(2) * 0.1)[0]
    assert loud.shape == (100, 3) and loud.dtype == np.float32
    np.testing.assert_allclose(loud[5:-5], soft[5:-5], atol=0.02)
    assert np.median(loud[:, 0]) == pytest.approx(np.log2(150 / 180), abs=0.02)


def test_silence_has_no_voice_and_is_not_loud():
    columns, _ = prosody(np.concatenate([_voice(2), np.zeros(48000, np.float32)]))
    assert not columns[110:, :2].any()
    assert columns[110:, 2].max() <= 1 < 1.5 < np.median(columns[10:90, 2])


def test_vigour_follows_the_voice_at_any_volume():
    time = np.arange(3 * 16000) / 16000
    tone = np.sin(2 * np.pi * 200 * time) * (time % 1 < 0.5) * 0.3
    loud, soft = (prosody(tone * gain)[1] for gain in (1, 0.1))
    np.testing.assert_allclose(loud, soft, atol=0.02)
    assert loud[10] > 0.7 and loud[[12, 62, 112]].min() > loud[[37, 87, 137]].max() + 0.3
    assert prosody(np.zeros(48000))[1].max() < 0.1


def test_level_is_local_and_never_below_the_floor():
    loudness = np.r_[np.full(500, -20.0), np.full(500, -90.0)]
    level = local_level(loudness)
    assert level[0] == pytest.approx(-20, abs=0.1)
    assert level[-1] == -60


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 99, 100, 101, 250])
def test_networks_count_right_and_stand_in_silence(frames):
    torch.manual_seed(0)
    heard = _heard(frames)
    for network, reach, stride, width in (
        (Listener().eval(), REACH, STRIDE, 8 + 1 + len(ACTION_UNITS)),
        (Content().eval(), CONTENT_REACH, 1, len(SPOKEN)),
    ):
        found = _through(network, heard, reach, stride)
        assert found.shape == (-(-frames // stride), width) and found.dtype == np.float32
        silence = [np.zeros((2 * reach, rows.shape[1]), rows.dtype) for rows in heard]
        longer = tuple(
            np.concatenate([quiet, rows, quiet]) for quiet, rows in zip(silence, heard, strict=True)
        )
        around = _through(network, longer, reach, stride)[2 * reach // stride :]
        np.testing.assert_allclose(around[: len(found)], found, atol=1e-4)


def test_an_output_is_at_its_frame():
    """A change of the input moves the outputs around its own time."""
    torch.manual_seed(0)
    features, voice = _heard(900)
    other = features.copy()
    other[450:454] += 3
    for network, reach, stride in (
        (Listener().eval(), REACH, STRIDE),
        (Content().eval(), CONTENT_REACH, 1),
    ):
        one, two = (_through(network, (rows, voice), reach, stride) for rows in (features, other))
        change = np.abs(one - two).sum(1)
        centre = (change * np.arange(len(change))).sum() / change.sum() * stride
        assert centre == pytest.approx(451, abs=8)


def test_nothing_beyond_the_reach_counts():
    torch.manual_seed(0)
    features, voice = _heard(700)
    other, _ = _heard(700, seed=1)
    other[: 350 + REACH] = features[: 350 + REACH]
    network = Listener().eval()
    one, two = (_through(network, (x, voice), REACH, STRIDE)[: 350 // STRIDE] for x in (features, other))
    np.testing.assert_allclose(one, two, atol=1e-5)
