import numpy as np
import pytest

from emogene.audio import SAMPLE_RATE, Speech, analyse, load_audio
from emogene.audio2motion import Audio2Motion
from emogene.audio2motion import lips as lips_module
from emogene.audio2motion.ear import EarConfig
from emogene.audio2motion.lips import FORMAT, LipConfig, windows
from emogene.audio2motion.vae import VAEConfig
from emogene.face.landmarks import mouth_openness
from emogene.face.mean import mean_face
from emogene.weights.embedded import assets
from emogene.weights.file import open_network

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


@pytest.fixture(scope="module")
def model() -> Audio2Motion:
    return Audio2Motion.from_embedded()


@pytest.fixture(scope="module")
def speech() -> Speech:
    return analyse(load_audio(DEMO))


def sound(kind: str, seconds: float = 3) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(size=len(t))
    chord = sum(np.sin(2 * np.pi * hz * k * t) / k for hz in (220, 277, 330) for k in range(1, 6))
    made = {"silence": 0 * t, "white": 0.1 * noise, "hiss": 0.003 * noise, "chord": 0.1 * chord}
    return made[kind].astype(np.float32)


def test_speech_moves_the_lips_and_the_brows_stay(model, speech):
    frames = len(speech) // 2
    motion = model(speech, frames, mean_face())
    assert len(motion) == frames and motion.fps == 25 and motion.points.dtype == np.float32
    openness = mouth_openness(motion.points)
    assert openness.max() > 0.08 and openness.std() > 0.02
    moved = np.abs(motion.points - mean_face()).max((0, 2))
    assert moved[48:68].max() > 5 * moved[17:27].max()


def test_lips_meet_within_speech(model, speech):
    motion = model(speech, len(speech) // 2, mean_face())
    openness = mouth_openness(motion.points)
    loud = speech.loudness[: 2 * len(motion) : 2] > speech.loudness.max() - 25
    assert (openness[loud] < 0.02).any()


@pytest.mark.parametrize("kind", ["silence", "white", "hiss", "chord"])
def test_what_is_not_speech_leaves_the_mouth_shut(model, kind):
    heard = analyse(sound(kind))
    motion = model(heard, 75, mean_face())
    assert mouth_openness(motion.points)[5:-5].max() < mouth_openness(mean_face()) + 0.02


@pytest.mark.parametrize("samples", [1, 800, 1601])
@pytest.mark.parametrize("frames", [1, 2, 5, 50])
def test_any_length(model, samples, frames):
    motion = model(analyse(np.full(samples, 0.1, np.float32)), frames, mean_face())
    assert len(motion) == frames and np.isfinite(motion.points).all()


def test_the_seed_decides(model, speech):
    one, same, other = (model(speech, 100, mean_face(), seed=seed).points for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert 0 < np.abs(one - other).max() < 0.1
    calm, as_calm = (model(speech, 100, mean_face(), seed=seed, temperature=0).points for seed in (1, 2))
    np.testing.assert_array_equal(calm, as_calm)


def test_level_does_not_matter(model):
    samples = load_audio(DEMO).samples
    loud, quiet = (
        model(analyse(gain * samples), 100, mean_face(), temperature=0).points for gain in (0.9, 0.09)
    )
    assert np.corrcoef(mouth_openness(loud), mouth_openness(quiet))[0, 1] > 0.98


def test_windows_join_without_a_seam(model, speech, monkeypatch):
    long = analyse(np.tile(speech.samples, 8))
    frames = 8 * len(speech) // 2
    monkeypatch.setattr(lips_module, "WINDOW", 10**6)
    whole = model(long, frames, mean_face()).points
    monkeypatch.setattr(lips_module, "WINDOW", 200)
    pieces = model(long, frames, mean_face()).points
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 1024, 1025, 5000])
def test_windows_cover_every_frame_once(frames):
    kept = np.zeros(frames, int)
    for inner, outer in windows(frames):
        kept[inner] += 1
        assert outer.start <= inner.start and inner.stop <= outer.stop
        assert outer.start % 4 == 0
    assert (kept == 1).all()


def test_the_file_says_whose_it_is():
    path = assets() / "audio2motion.safetensors"
    assert path.stat().st_size < 5_000_000
    about = open_network(path, FORMAT)[1]
    assert about["licence"] == "CC BY 4.0" and "Cooke" in about["attribution"]
