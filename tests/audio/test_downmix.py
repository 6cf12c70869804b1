"""What ears and networks hear of many channels."""

import av
import numpy as np
import pytest

from emogene.audio.block import Block
from emogene.audio.downmix import UNNAMED, Downmix, Ears, Mono, ear_weights

RATE = 16_000


def names(layout: str) -> tuple[str, ...]:
    return tuple(channel.name for channel in av.AudioLayout(layout).channels)


def ffmpegs_weights(layout: str) -> np.ndarray:
    """``[2, channels]``: what FFmpeg makes of a sample of 1 in each channel alone."""
    count = len(names(layout))
    frame = av.AudioFrame.from_ndarray(np.eye(count, dtype=np.float32).reshape(1, -1), "flt", layout)
    frame.sample_rate = RATE
    (mixed,) = av.AudioResampler("flt", "stereo", RATE).resample(frame)
    return mixed.to_ndarray().reshape(-1, 2).T


NAMED = "2.1 3.0 3.1 4.0 quad quad(side) 5.0 5.1 5.1(side) 6.0 6.1 7.0 7.1 7.1(wide) octagonal"


@pytest.mark.parametrize("layout", NAMED.split())
def test_named_layouts_are_mixed_as_ffmpeg_does(layout):
    np.testing.assert_allclose(ear_weights(names(layout)), ffmpegs_weights(layout), atol=1e-6)


@pytest.mark.parametrize("layout", ["mono", "stereo", "downmix", "2 channels", "1 channels"])
def test_one_and_two_channels_stay_untouched(layout):
    samples = np.random.default_rng(0).normal(size=(len(names(layout)), 100)).astype(np.float32)
    np.testing.assert_array_equal(Ears(names(layout))(samples), samples)


@pytest.mark.parametrize("layout", ["5.1", "7.1", "6.1", "3.0"])
def test_the_centre_is_equal_in_both_ears_and_the_effects_in_neither(layout):
    voice = np.random.default_rng(0).uniform(-0.5, 0.5, 100).astype(np.float32)
    samples = np.zeros((len(names(layout)), 100), np.float32)
    samples[names(layout).index("FC")] = voice
    if "LFE" in names(layout):
        samples[names(layout).index("LFE")] = 0.9
    left, right = Ears(names(layout))(samples)
    np.testing.assert_array_equal(left, right)
    np.testing.assert_allclose(left, voice * 0.5**0.5, atol=1e-6)


@pytest.mark.parametrize("count", [3, 4, 5, 6, 8, 16])
def test_every_channel_without_a_name_is_heard_in_both_ears(count):
    for channel in range(count):
        samples = np.zeros((count, 50), np.float32)
        samples[channel] = 0.5
        left, right = Ears((UNNAMED,) * count)(samples)
        np.testing.assert_array_equal(left, right)
        assert left.min() > 0.1


def test_a_height_channel_that_ffmpeg_drops_is_heard_on_its_side():
    left, right = ear_weights(("FL", "FR", "TBL"))[:, 2]  # type: ignore[index]
    assert left > 0.5 and right == 0


def test_a_fold_that_would_exceed_full_scale_is_turned_down_and_no_further():
    samples = np.full((6, 1000), 0.1, np.float32)
    samples[:, 500:] = 0.9
    left, _ = Ears(names("5.1"))(samples)
    np.testing.assert_allclose(left[:500], 0.1 * (1 + 2 * 0.5**0.5), rtol=1e-6)
    np.testing.assert_allclose(left[500:], 1, rtol=1e-6)


def test_mono_is_the_mean_where_the_channels_are_different_voices():
    one, other = np.random.default_rng(0).normal(size=(2, RATE)).astype(np.float32)
    mono = Mono(RATE)(np.stack([one, other]))
    np.testing.assert_allclose(mono[RATE // 50 :], ((one + other) / 2)[RATE // 50 :], atol=1e-6)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_an_inverted_channel_does_not_cancel(share):
    voice = np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    mono = Mono(RATE)(np.stack([voice, -share * voice]))
    np.testing.assert_allclose(mono, voice * (1 + share) / 2, atol=1e-5)


def test_a_channel_that_is_inverted_later_is_noticed():
    voice = np.random.default_rng(0).normal(size=4 * RATE).astype(np.float32)
    sign = np.where(np.arange(4 * RATE) < 2 * RATE, 1, -1)
    mono = Mono(RATE)(np.stack([voice, voice * sign]))
    np.testing.assert_allclose(mono[: 2 * RATE], voice[: 2 * RATE], atol=1e-5)
    np.testing.assert_allclose(np.abs(mono[3 * RATE :]), np.abs(voice[3 * RATE :]), atol=1e-5)


def test_silence_before_an_inverted_voice_changes_nothing():
    voice = np.random.default_rng(0).normal(0, 0.1, size=RATE).astype(np.float32)
    voice[: RATE // 2] = 0
    np.testing.assert_allclose(Mono(RATE)(np.stack([voice, -voice])), voice, atol=1e-5)


@pytest.mark.parametrize("layout", ["stereo", "5.1"])
@pytest.mark.parametrize("channels", [1, 2])
def test_pieces_of_any_size_give_the_same(layout, channels):
    samples = np.random.default_rng(0).normal(size=(len(names(layout)), RATE)).astype(np.float32)

    def mixed(step: int) -> np.ndarray:
        downmix = Downmix()
        starts = range(0, RATE, step)
        pieces = [Block(samples[:, start : start + step], RATE, names(layout)) for start in starts]
        return np.concatenate([downmix(piece, channels) for piece in pieces], 1)

    whole = mixed(RATE)
    assert whole.shape == (channels, RATE)
    for step in (1, 320, 777):
        np.testing.assert_allclose(mixed(step), whole, atol=1e-6)
