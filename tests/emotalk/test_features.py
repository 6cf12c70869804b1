import numpy as np
import pytest
import torch

from emogene.audio import analyse
from emogene.emotalk.content import REACH as CONTENT_REACH
from emogene.emotalk.content import SPOKEN, Content
from emogene.emotalk.features import SILENCE, features, in_pieces, local_level, silence, smooth
from emogene.emotalk.listener import REACH, STRIDE, Listener


def _voice(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 16000)) / 16000
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 9))
    return (0.1 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def test_features_do_not_know_the_volume():
    loud, soft = features(analyse(_voice(2))), features(analyse(_voice(2) * 0.1))
    assert loud.shape == (100, 83) and loud.dtype == np.float32
    audible = loud[:, :80] > -1
    np.testing.assert_allclose(loud[:, :80][audible], soft[:, :80][audible], atol=0.05)
    np.testing.assert_allclose(loud[:, 82], soft[:, 82], atol=0.02)


def test_silence_is_the_lowest_feature():
    columns = features(analyse(np.zeros(16000, np.float32)))
    assert columns[:, :80].max() < -0.9 and not columns[:, 80:82].any()
    assert silence(3)[:, :80].max() == SILENCE


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
    columns = np.random.default_rng(0).normal(0, 0.5, (frames, 83)).astype(np.float32)
    for network, reach, stride, width in (
        (Listener().eval(), REACH, STRIDE, 9),
        (Content().eval(), CONTENT_REACH, 1, len(SPOKEN)),
    ):
        whole = in_pieces(network, columns, reach, stride)
        assert whole.shape == (-(-frames // stride), width)
        np.testing.assert_allclose(in_pieces(network, columns, reach, stride, piece=40), whole, atol=1e-4)


def test_nothing_beyond_the_reach_counts():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    a = rng.normal(0, 0.5, (700, 83)).astype(np.float32)
    b = a.copy()
    b[350 + REACH :] = rng.normal(0, 0.5, (350 - REACH, 83))
    network = Listener().eval()
    one, two = (in_pieces(network, x, REACH, STRIDE)[: 350 // STRIDE] for x in (a, b))
    np.testing.assert_allclose(one, two, atol=1e-5)
