"""Odd sounds through the whole pipeline to a landmarks file: the right length, finite, and calm where nobody
speaks."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emogene import EmoGene, EmoGeneError
from emogene.audio import load_audio
from emogene.clock import frame_count
from emogene.face.landmarks import mouth_openness

DEMO = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"
RATE = 16_000
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def pipeline() -> EmoGene:
    return EmoGene.from_pretrained("cpu", 1)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return load_audio(DEMO).samples[: 3 * RATE]


@pytest.fixture
def sound(tmp_path) -> Make:
    """Writes ``[channels, n]`` to a file of some codec and rate."""

    def write(samples: np.ndarray, rate: int = RATE, codec: str = "pcm_f32le") -> Path:
        channels, path = len(samples), tmp_path / "sound.wav"
        layout = {1: "mono", 2: "stereo", 8: "7.1"}[channels]
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            assert isinstance(stream, av.AudioStream)
            stream.layout = layout
            kind = "flt" if codec == "pcm_f32le" else "s16"
            data = np.ascontiguousarray(samples.T.reshape(1, -1), np.float32)
            if kind == "s16":
                data = (data.clip(-1, 1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(data, kind, layout)  # type: ignore
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


def landmarks(pipeline: EmoGene, path: Path, seconds: Fraction) -> dict[str, np.ndarray]:
    """What the landmarks file of ``path`` holds, after checks of lengths and numbers."""
    output = path.with_suffix(".npz")
    pipeline(path, size=64).save_motion(output)
    with np.load(output) as file:
        tracks = {name: file[name] for name in file.files}
    frames = frame_count(seconds, Fraction(25))
    for name, last in {
        "emotalk": 3,
        "geneface": 3,
        "mixed": 3,
        "blendshapes": 52,
        "emotion_probs": 8,
    }.items():
        assert len(tracks[name]) == frames and tracks[name].shape[-1] == last
        assert np.isfinite(tracks[name]).all() and tracks[name].dtype == np.float32
    return tracks


def seconds(samples: np.ndarray, rate: int = RATE) -> Fraction:
    return Fraction(samples.shape[-1], rate)


def test_telephone_speech(pipeline, sound, voice):
    narrow = voice[::2][None] * 0.5
    for codec in ("pcm_mulaw", "pcm_alaw", "pcm_f32le"):
        tracks = landmarks(pipeline, sound(narrow, 8000, codec), seconds(narrow, 8000))
        assert np.ptp(mouth_openness(tracks["mixed"])) > 0.02, "it speaks"


def test_two_different_channels(pipeline, sound, voice):
    other = 0.01 * np.random.default_rng(0).normal(size=len(voice)).astype(np.float32)
    both = landmarks(pipeline, sound(np.stack([voice, other])), seconds(voice))
    left = landmarks(pipeline, sound(np.stack([voice, 0 * voice])), seconds(voice))
    alone = landmarks(pipeline, sound(voice[None]), seconds(voice))
    for tracks in (both, left):
        a, b = mouth_openness(tracks["geneface"]), mouth_openness(alone["geneface"])
        assert np.corrcoef(a, b)[0, 1] > 0.9


def test_clipping(pipeline, sound, voice):
    clipped = np.clip(voice, -0.15, 0.15)[None] / 0.15  # a quarter of the peak
    alone = landmarks(pipeline, sound(voice[None]), seconds(voice))
    tracks = landmarks(pipeline, sound(clipped), seconds(voice))
    a, b = mouth_openness(tracks["geneface"]), mouth_openness(alone["geneface"])
    assert np.corrcoef(a, b)[0, 1] > 0.6


def test_eight_channels(pipeline, sound, voice):
    landmarks(pipeline, sound(np.repeat(voice[None, : RATE // 2], 8, 0)), Fraction(1, 2))


@pytest.mark.parametrize("samples", [1, 160, 640, 641, 1600, 1601])
def test_a_tenth_of_a_second_and_less(pipeline, sound, voice, samples):
    start = RATE
    landmarks(pipeline, sound(voice[None, start : start + samples]), Fraction(samples, RATE))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(pipeline, sound, voice, bad):
    broken = voice.copy()
    broken[1000] = bad
    with pytest.raises(EmoGeneError, match="not finite"):
        pipeline(sound(broken[None]), size=64)


def silence(time: np.ndarray) -> np.ndarray:
    return 0 * time


def noise(time: np.ndarray) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).normal(size=len(time))


def music(time: np.ndarray) -> np.ndarray:
    """A chord, struck twice a second, and a drum."""
    since = np.mod(time, 0.5)
    chord = sum(np.sin(2 * np.pi * f * k * time) / k for f in (220, 277, 330) for k in (1, 2, 3))
    return 0.06 * chord * np.exp(-3 * since) + 0.1 * np.sin(2 * np.pi * 60 * time) * (since < 0.06)


@pytest.mark.parametrize("make", [silence, noise, music])
def test_where_nobody_speaks_the_mouth_is_shut_and_the_face_neutral(pipeline, sound, make):
    samples = make(np.arange(4 * RATE) / RATE)[None].astype(np.float32)
    tracks = landmarks(pipeline, sound(samples), Fraction(4))
    neutral = pipeline(sound(samples), size=64).avatar.space.neutral
    away = np.linalg.norm(tracks["mixed"] - neutral, axis=-1)[tracks["blink"] < 0.01]  # lids move in a blink
    assert len(away) > 60
    assert away.mean() < 0.005 and away.max() < 0.04  # half a millimetre, four millimetres
    assert mouth_openness(tracks["mixed"]).max() < mouth_openness(neutral[None])[0] + 0.02
    assert tracks["emotion_probs"].mean(0).argmax() == 0
