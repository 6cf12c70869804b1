from fractions import Fraction
from functools import cache
from math import ceil

import numpy as np
import pytest
import torch

from emogene.audio import Speech, SpeechEncoder, SpeechStream, load_audio
from emogene.audio import analyse as heard_by
from emogene.audio2motion import Audio2Motion
from emogene.audio2motion.ear import EarConfig
from emogene.audio2motion.lips import FORMAT, LipConfig, LipNet
from emogene.audio2motion.vae import VAEConfig
from emogene.clock import SAMPLE_RATE
from emogene.face.landmarks import mouth_openness
from emogene.face.mean import mean_face
from emogene.face.space import LandmarkSpace
from emogene.weights.embedded import assets
from emogene.weights.file import open_network, save_network

DEMO = assets() / "demo.ogg"
SMALL = LipConfig(
    EarConfig(inputs=20, channels=12, dilations=(1, 2)),
    VAEConfig(
        features=12,
        channels=8,
        outputs=5,
        hidden=12,
        latent=4,
        encoder_layers=1,
        flow_hidden=8,
        flow_layers=2,
        mouth_amp=False,
    ),
)


@cache
def encoder() -> SpeechEncoder:
    return SpeechEncoder.from_embedded()


def analyse(samples: np.ndarray) -> Speech:
    return heard_by(samples.astype(np.float32), encoder())


@pytest.fixture(scope="module")
def model() -> Audio2Motion:
    return Audio2Motion.from_embedded()


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return load_audio(DEMO).samples


@pytest.fixture(scope="module")
def speech(samples) -> Speech:
    return analyse(samples)


def sound(kind: str, seconds: float = 3) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(size=len(t))
    chord = sum(np.sin(2 * np.pi * hz * k * t) / k for hz in (220, 277, 330) for k in range(1, 6))
    made = {"silence": 0 * t, "white": 0.1 * noise, "hiss": 0.003 * noise, "chord": 0.1 * chord}
    return made[kind].astype(np.float32)


def test_speech_moves_the_lips_and_the_brows_stay(model, speech):
    motion = model(speech, mean_face())
    assert len(motion) == ceil(25 * speech.end) and motion.fps == 25 and motion.points.dtype == np.float32
    openness = mouth_openness(motion.points)
    assert openness.max() > 0.08 and openness.std() > 0.02
    moved = np.abs(motion.points - mean_face()).max((0, 2))
    assert moved[48:68].max() > 5 * moved[17:27].max()


def test_lips_meet_within_speech(model, speech):
    openness = mouth_openness(model(speech, mean_face()).points)
    loud = speech.loudness[::2] > speech.loudness.max() - 25
    assert (openness[loud] < 0.02).any()


def test_the_lips_move_when_the_voice_does(model, samples):
    """Speech that begins 12 frames later moves the lips 12 frames later, and a pause shuts them."""
    first, rest = np.split(samples, [int(2.2 * SAMPLE_RATE)])
    pause = np.zeros(2 * SAMPLE_RATE)
    whole = np.concatenate([first, pause, rest])
    later = np.concatenate([np.zeros(12 * 640), whole])
    now, then = (
        mouth_openness(model(analyse(sound), mean_face(), temperature=0).points) for sound in (whole, later)
    )
    assert np.corrcoef(now, then[12:])[0, 1] > 0.99
    assert now[int(2.7 * 25) : int(3.9 * 25)].max() < 0.02 < now[: int(2.2 * 25)].mean()


@pytest.mark.parametrize("kind", ["silence", "white", "hiss", "chord"])
def test_what_is_not_speech_leaves_the_mouth_shut(model, kind):
    motion = model(analyse(sound(kind)), mean_face())
    assert mouth_openness(motion.points)[5:-5].max() < mouth_openness(mean_face()) + 0.02


@pytest.mark.parametrize("count", [1, 320, 640, 641, 800, 1601, 5121, 32_000])
def test_any_length(model, count):
    motion = model(analyse(np.full(count, 0.1)), mean_face())
    assert len(motion) == ceil(25 * Fraction(count, SAMPLE_RATE)) and np.isfinite(motion.points).all()


def test_the_seed_decides(model, speech):
    one, same, other = (model(speech, mean_face(), seed=seed).points for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert 0 < np.abs(one - other).max() < 0.1
    calm, as_calm = (model(speech, mean_face(), seed=seed, temperature=0).points for seed in (1, 2))
    np.testing.assert_array_equal(calm, as_calm)


def test_the_neutral_face_is_the_avatars_own(model, speech):
    moved = mean_face() + np.float32(0.5)
    np.testing.assert_allclose(
        model(speech, moved).points - model(speech, mean_face()).points, 0.5, atol=1e-6
    )


@pytest.mark.parametrize("decibels", [-10, -20, -30])
def test_level_does_not_matter(model, samples, speech, decibels):
    loud = model(speech, mean_face()).points
    quiet = model(analyse(10 ** (decibels / 20) * samples), mean_face()).points
    assert np.corrcoef(mouth_openness(loud), mouth_openness(quiet))[0, 1] >= 0.99


@pytest.mark.parametrize("level", [1, 0.03])
def test_a_constant_offset_does_not_matter(model, samples, level):
    plain, offset = (
        mouth_openness(model(analyse(level * samples + constant), mean_face()).points)
        for constant in (0, 0.02)
    )
    assert np.corrcoef(plain, offset)[0, 1] >= 0.99 and np.abs(plain - offset).max() < 0.01


def test_breath_before_the_first_word_is_not_turned_up(model, samples):
    """Faint noise, longer than the gain looks ahead, before a loud voice: no lips move in it."""
    noise = 0.003 * np.random.default_rng(0).normal(size=2 * SAMPLE_RATE)
    openness = mouth_openness(model(analyse(np.concatenate([noise, samples])), mean_face()).points)
    assert openness[: 2 * 25].max() < 0.02 < openness[2 * 25 :].std()


def test_pieces_of_a_second_give_the_whole(model, speech, samples):
    space = LandmarkSpace(mean_face(), mean_face()[None])
    stream, heard, found = model.stream(space, seed=5), SpeechStream(encoder()), []
    for start in range(0, len(samples), SAMPLE_RATE):
        found.append(stream.push(heard.push(samples[start : start + SAMPLE_RATE])))
    assert any(faces is not None for faces in found), "it waits for the end"
    found.append(stream.push(heard.push(None, end=speech.end)))
    faces = np.concatenate([faces for faces in found if faces is not None])
    # The features are half precision, and bfloat16 within on some processors.
    np.testing.assert_allclose(faces, model(speech, mean_face(), seed=5).points, atol=2e-3)


def test_a_saved_model_moves_the_same(tmp_path):
    torch.manual_seed(0)
    net = LipNet(SMALL)
    torch.nn.init.normal_(net.basis)
    save_network(net, tmp_path / "lips.safetensors", FORMAT, {"learnt_from": "a b"})
    opened = Audio2Motion.open(tmp_path / "lips.safetensors")
    rng = np.random.default_rng(0)
    features, f0 = rng.normal(size=(90, 20)).astype(np.float16), rng.uniform(0, 200, 90).astype(np.float32)
    heard = Speech(None, f0, None, features, Fraction(90, 50))
    expected = Audio2Motion(net)(heard, mean_face()).points
    np.testing.assert_array_equal(opened(heard, mean_face()).points, expected)
    assert np.ptp(expected, axis=0).max() > 1e-3 and opened.learnt_from == ("a", "b")


def test_the_file_says_whose_it_is():
    path = assets() / "audio2motion.safetensors"
    assert path.stat().st_size < 5_000_000
    about = open_network(path, FORMAT)[1]
    assert about["licence"] == "CC BY 4.0" and "Cooke" in about["attribution"]
