import numpy as np
import pytest
import torch

from emogene.audio import analyse
from emogene.emotalk.content import REACH as CONTENT_REACH
from emogene.emotalk.content import SPOKEN, Content
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.features import in_pieces, local_level, prosody, smooth
from emogene.emotalk.listener import REACH, STRIDE, Listener


def _voice(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 16000)) / 16000
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 9))
    return (0.1 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def _heard(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (frames, 512)).astype(np.float16)
    return features, rng.normal(0, 0.5, (frames, 3)).astype(np.float32)


def test_prosody_does_not_know_the_volume():
    loud, soft = prosody(analyse(_voice(2))), prosody(analyse(_voice(2) * 0.1))
    assert loud.shape == (100, 3) and loud.dtype == np.float32
    np.testing.assert_allclose(loud[5:-5], soft[5:-5], atol=0.02)
    assert np.median(loud[:, 0]) == pytest.approx(np.log2(150 / 180), abs=0.02)


def test_silence_has_no_voice_and_is_not_loud():
    columns = prosody(analyse(np.concatenate([_voice(2), np.zeros(48000, np.float32)])))
    assert not columns[110:, :2].any()
    assert columns[110:, 2].max() <= 1 < 1.5 < np.median(columns[10:90, 2])


def test_level_is_local_and_never_below_the_floor():
    loudness = np.r_[np.full(500, -20.0), np.full(500, -90.0)]
    level = local_level(loudness)
    assert level[0] == pytest.approx(-20, abs=0.1)
    assert level[-1] == -60


def test_smooth_keeps_a_constant_up_to_the_edges():
    np.testing.assert_allclose(smooth(np.full(20, 3.0), 8), 3)
    assert len(smooth(np.ones(2), 50)) == 2


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 99, 100, 101, 250])
def test_pieces_join_exactly_and_count_right(frames):
    torch.manual_seed(0)
    heard = _heard(frames)
    for network, reach, stride, width in (
        (Listener().eval(), REACH, STRIDE, 8 + 1 + len(ACTION_UNITS)),
        (Content().eval(), CONTENT_REACH, 1, len(SPOKEN)),
    ):
        whole = in_pieces(network, *heard, reach, stride)
        assert whole.shape == (-(-frames // stride), width)
        np.testing.assert_allclose(in_pieces(network, *heard, reach, stride, piece=40), whole, atol=1e-4)


def test_nothing_beyond_the_reach_counts():
    torch.manual_seed(0)
    features, voice = _heard(700)
    other, _ = _heard(700, seed=1)
    other[: 350 + REACH] = features[: 350 + REACH]
    network = Listener().eval()
    one, two = (in_pieces(network, x, voice, REACH, STRIDE)[: 350 // STRIDE] for x in (features, other))
    np.testing.assert_allclose(one, two, atol=1e-5)
