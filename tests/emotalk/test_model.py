from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from emogene.audio import Speech, analyse, load_audio
from emogene.clock import frame_count
from emogene.emotalk import HEARD, LABELS, EmoTalk, Emotion, parse
from emogene.emotalk.network import FORMAT
from emogene.face.arkit import ARKIT_52, INDEX
from emogene.weights.file import save_network

DEMO = Path(__file__).parents[2] / "src" / "emogene" / "assets" / "demo.ogg"
RAVDESS = Path(__file__).parents[3] / "shared" / "data" / "ravdess"


@cache
def model() -> EmoTalk:
    return EmoTalk.from_embedded()


@cache
def demo() -> Speech:
    return analyse(load_audio(DEMO))


@cache
def mean_shapes(text: str, intensity: float = 1.0) -> np.ndarray:
    return model()(demo(), Emotion.parse(text, intensity)).blendshapes.values.mean(0)


def emotional(speech: Speech, text: str = "auto") -> np.ndarray:
    """``[T]`` the largest move of a shape that the emotion makes."""
    result = model()(speech, parse(text))
    return np.abs(result.blendshapes.values - result.content.values).max(1)


@pytest.mark.parametrize("samples", [1, 160, 801, 1600, 7999, 16001, 52345])
def test_lengths_and_ranges_for_odd_durations(samples):
    rng = np.random.default_rng(0)
    speech = analyse(rng.normal(0, 0.05, samples).astype(np.float32))
    result = model()(speech, Emotion.parse("happy"))
    frames = frame_count(Fraction(samples, 16000), Fraction(30))
    for motion in (result.blendshapes, result.content):
        assert motion.values.shape == (frames, 52)
        assert motion.values.dtype == np.float32
        assert motion.values.min() >= 0 and motion.values.max() <= 1
    assert result.probabilities.shape == (frames, 8) and result.amounts.shape == (frames, 9)
    np.testing.assert_allclose(result.probabilities.sum(1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    one, two, other = (model()(demo(), Emotion.parse("sad"), seed=s) for s in (3, 3, 4))
    assert one.blendshapes.values.tobytes() == two.blendshapes.values.tobytes()
    assert one.content.values.tobytes() == other.content.values.tobytes()
    assert not np.array_equal(one.blendshapes.values, other.blendshapes.values)


@pytest.mark.parametrize(
    "emotion", [Emotion.parse("neutral"), Emotion.parse("angry", 0), Emotion.parse("auto", 0)]
)
def test_neutral_is_the_content_alone(emotion):
    result = model()(demo(), emotion)
    np.testing.assert_array_equal(result.blendshapes.values, result.content.values)


def test_content_moves_the_mouth_only():
    words = model()(demo(), Emotion.parse("neutral")).content.values
    still = [i for i, name in enumerate(ARKIT_52) if not name.startswith(("jaw", "mouth"))]
    assert not words[:, still].any()
    assert words[:, INDEX["jawOpen"]].std() > 0.03


@pytest.mark.parametrize(
    ("label", "name", "least"),
    [
        ("happy", "mouthSmileLeft", 0.4),
        ("happy", "cheekSquintRight", 0.3),
        ("surprised", "browInnerUp", 0.4),
        ("surprised", "browOuterUpLeft", 0.4),
        ("surprised", "eyeWideLeft", 0.25),
        ("angry", "browDownLeft", 0.4),
        ("angry", "eyeSquintLeft", 0.25),
        ("sad", "browInnerUp", 0.35),
        ("sad", "mouthFrownLeft", 0.3),
        ("fearful", "browInnerUp", 0.4),
        ("fearful", "eyeWideLeft", 0.4),
        ("fearful", "mouthStretchLeft", 0.25),
        ("disgust", "noseSneerLeft", 0.35),
        ("disgust", "mouthUpperUpLeft", 0.35),
        ("contempt", "mouthDimpleRight", 0.3),
    ],
)
def test_a_label_moves_the_shapes_of_its_face(label, name, least):
    moved = mean_shapes(label) - mean_shapes("neutral")
    assert moved[INDEX[name]] >= least


def test_every_two_labels_look_different():
    faces = np.stack([mean_shapes(label) for label in LABELS])
    distance = np.abs(faces[:, None] - faces[None]).max(-1)
    assert (distance + np.eye(len(LABELS))).min() > 0.05


@pytest.mark.parametrize("label", [label for label in LABELS if label != "neutral"])
def test_intensity_is_monotone(label):
    amount = [(mean_shapes(label, i) - mean_shapes("neutral")).sum() for i in (0, 0.5, 1, 1.5, 2)]
    assert amount[0] == 0
    assert np.all(np.diff(amount) > 0)


def test_a_blend_lies_between_its_parts():
    brow, smile = INDEX["browInnerUp"], INDEX["mouthSmileLeft"]
    blend = mean_shapes("happy=0.5,surprised=0.5")
    assert mean_shapes("happy")[brow] < blend[brow] < mean_shapes("surprised")[brow]
    assert mean_shapes("surprised")[smile] < blend[smile] < mean_shapes("happy")[smile]


def test_the_expression_starts_at_rest_and_does_not_flicker():
    result = model()(demo(), Emotion.parse("surprised"))
    moved = (result.blendshapes.values - result.content.values)[:, INDEX["browInnerUp"]]
    assert moved[0] < 0.1 < moved[20]
    assert np.abs(np.diff(moved[20:])).max() < 0.03
    assert moved[20:].std() > 0.005  # alive


def test_a_timeline_changes_the_face_smoothly(tmp_path):
    file = tmp_path / "mood.csv"
    file.write_text("0,1.5,happy\n1.5,9,angry\n")
    weights = model()(demo(), parse(str(file))).blendshapes.values
    assert weights[40, INDEX["mouthSmileLeft"]] > 0.4 > weights[70, INDEX["mouthSmileLeft"]]
    assert weights[40, INDEX["browDownLeft"]] < 0.1 < 0.4 < weights[70, INDEX["browDownLeft"]]
    assert np.abs(np.diff(weights[:, INDEX["browDownLeft"]])).max() < 0.2


def _sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    time = np.arange(4 * 16000) / 16000
    chord = sum(np.sin(2 * np.pi * f * k * time) / k for f in (220, 277, 330) for k in (1, 2, 3))
    return {
        "silence": np.zeros_like(time),
        "room": rng.normal(0, 3e-4, len(time)),
        "noise": rng.normal(0, 0.1, len(time)),
        "music": 0.1 * chord * (1 - (time % 0.5)),
        "tone": 0.2 * np.sin(2 * np.pi * 440 * time),
        "clicks": 0.5 * (np.arange(len(time)) % 8000 == 0),
        "offset": np.full_like(time, 0.3),
    }


@pytest.mark.parametrize("name", list(_sounds()))
def test_what_is_no_speech_leaves_the_face_near_neutral(name):
    speech = analyse(_sounds()[name].astype(np.float32))
    assert emotional(speech).max() < 0.12
    assert model()(speech, Emotion.parse("auto")).content.values[:, INDEX["jawOpen"]].mean() < 0.12


def test_volume_is_no_emotion():
    samples = load_audio(DEMO).samples
    loud, soft = (model().hear(analyse(samples * gain))[0] for gain in (1.0, 0.2))
    assert np.abs(loud - soft).mean() < 0.05


def test_hear_names_its_columns():
    probabilities, names = model().hear(demo())
    assert names == HEARD and probabilities.shape == (frame_count(demo().duration, Fraction(30)), 8)


def test_saved_and_loaded_weights_are_the_same_model(tmp_path):
    save_network(model().net, tmp_path / "copy.safetensors", FORMAT, {"licence": "x"})
    copy = EmoTalk.open(tmp_path / "copy.safetensors")
    a, b = (m(demo(), Emotion.parse("auto")).blendshapes.values for m in (model(), copy))
    np.testing.assert_array_equal(a, b)
    assert copy.heard_actors == model().heard_actors


@pytest.mark.skipif(not RAVDESS.is_dir(), reason="needs ../shared/data/ravdess")
def test_acted_voices_move_the_right_part_of_the_face():
    def moved(name: str) -> np.ndarray:
        result = model()(analyse(load_audio(RAVDESS / f"{name}.opus")))
        return (result.blendshapes.values - result.content.values).mean(0)

    assert moved("03-01-03-02-01-01-04")[INDEX["mouthSmileLeft"]] > 0.2
    assert moved("03-01-05-01-01-01-04")[INDEX["browDownLeft"]] > 0.2
    assert moved("03-01-01-01-01-01-04").max() < 0.2
