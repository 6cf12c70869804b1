from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import emogene
from emogene.audio import Speech, SpeechEncoder, SpeechStream, load_audio
from emogene.audio import analyse as heard_by
from emogene.clock import SAMPLE_RATE, SPEECH_FPS, frame_count
from emogene.emotalk import HEARD, LABELS, EmoTalk, Emotion, parse
from emogene.emotalk.model import Expression
from emogene.emotalk.network import FORMAT
from emogene.face.arkit import ARKIT_52, INDEX
from emogene.face.felt import EmotionalSpeech
from emogene.stream import run
from emogene.track import Track
from emogene.weights.file import save_network

DEMO = Path(emogene.__file__).parent / "assets" / "demo.ogg"
RAVDESS = Path(__file__).parents[3] / "shared" / "data" / "ravdess"


@cache
def model() -> EmoTalk:
    return EmoTalk.from_embedded()


@cache
def encoder() -> SpeechEncoder:
    return SpeechEncoder.from_embedded()


def analyse(samples: np.ndarray) -> Speech:
    return heard_by(samples.astype(np.float32), encoder())


@cache
def voice() -> np.ndarray:
    return load_audio(DEMO).samples


@cache
def demo() -> Speech:
    return analyse(voice())


@cache
def mean_shapes(text: str, intensity: float = 1.0) -> np.ndarray:
    return together(model()(demo(), Emotion.parse(text, intensity))).mean(0)


def together(felt: EmotionalSpeech) -> np.ndarray:
    """Weights ``[T, 52]`` of words and emotion."""
    return felt.together.values


def words(felt: EmotionalSpeech) -> np.ndarray:
    assert felt.words is not None
    return felt.words.values


def heard_in(felt: EmotionalSpeech) -> np.ndarray:
    """Probabilities ``[T, 8]``."""
    assert felt.heard is not None
    return felt.heard.values


def emotional(speech: Speech, text: str = "auto") -> np.ndarray:
    """``[T]`` the largest move of a shape that the emotion makes."""
    felt = model()(speech, parse(text))
    return np.abs(together(felt) - words(felt)).max(1)


@pytest.mark.parametrize("samples", [1, 160, 801, 1600, 7999, 16001, 52345])
def test_lengths_and_ranges_for_odd_durations(samples):
    rng = np.random.default_rng(0)
    felt = model()(analyse(rng.normal(0, 0.05, samples)), Emotion.parse("happy"))
    frames = frame_count(Fraction(samples, SAMPLE_RATE), SPEECH_FPS)
    assert felt.emotion is not None and felt.words is not None and felt.shown is not None
    for motion in (felt.emotion, felt.words, felt.together):
        assert motion.values.shape == (frames, 52) and motion.fps == SPEECH_FPS
        assert motion.values.dtype == np.float32
    assert words(felt).min() >= 0 and words(felt).max() <= 1
    below = felt.emotion.values.min(0) < 0
    assert felt.emotion.values.max() < 2 and {ARKIT_52[i] for i in np.flatnonzero(below)} <= {"browInnerUp"}
    assert felt.heard is not None and felt.heard.names == HEARD and felt.shown.names == LABELS
    assert heard_in(felt).shape == (frames, 8) and felt.shown.values.shape == (frames, 9)
    np.testing.assert_allclose(heard_in(felt).sum(1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    one, two, other = (model()(demo(), Emotion.parse("sad"), seed=s) for s in (3, 3, 4))
    assert together(one).tobytes() == together(two).tobytes()
    assert words(one).tobytes() == words(other).tobytes()
    difference = np.abs(together(one) - together(other))
    strongest = np.abs(together(one)).max(0) + 1e-6
    assert difference.max() > 0.005
    assert (difference.max(0) / strongest).max() < 0.3, "it breathes otherwise; it is not another face"


def test_pieces_of_a_second_and_the_seed_give_the_whole():
    stream, found = model().stream(Emotion.parse("sad"), seed=3), []
    heard = SpeechStream(encoder())
    for start in range(0, len(voice()), SAMPLE_RATE):
        found.append(stream.push(heard.push(voice()[start : start + SAMPLE_RATE])))
    assert any(piece.emotion is not None for piece in found), "it waits for the end"
    found.append(stream.push(heard.push(None, end=demo().end)))
    whole = model()(demo(), Emotion.parse("sad"), seed=3)
    for name in ("emotion", "words", "heard", "shown"):
        pieces = [track for piece in found if (track := getattr(piece, name)) is not None]
        # The features are half precision, and bfloat16 within on some processors.
        np.testing.assert_allclose(Track.join(pieces).values, getattr(whole, name).values, atol=1e-2)


@pytest.mark.parametrize(
    "emotion", [Emotion.parse("neutral"), Emotion.parse("angry", 0), Emotion.parse("auto", 0)]
)
def test_neutral_is_the_content_alone(emotion):
    felt = model()(demo(), emotion)
    np.testing.assert_array_equal(together(felt), words(felt))


def test_content_moves_the_mouth_only():
    said = words(model()(demo(), Emotion.parse("neutral")))
    still = [i for i, name in enumerate(ARKIT_52) if not name.startswith(("jaw", "mouth"))]
    assert not said[:, still].any()
    assert said[:, INDEX["jawOpen"]].std() > 0.03


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
    felt = model()(demo(), Emotion.parse("surprised"))
    moved = (together(felt) - words(felt))[:, INDEX["browInnerUp"]]
    assert moved[0] < 0.1 < moved[33]
    assert np.abs(np.diff(moved[33:])).max() < 0.03 * 30 / 50
    assert moved[33:].std() > 0.005  # alive


def test_a_timeline_changes_the_face_smoothly(tmp_path):
    file = tmp_path / "mood.csv"
    file.write_text("0,1.5,happy\n1.5,9,angry\n")
    weights = together(model()(demo(), parse(str(file))))
    before, after = int(1.33 * SPEECH_FPS), int(2.33 * SPEECH_FPS)
    assert weights[before, INDEX["mouthSmileLeft"]] > 0.4 > weights[after, INDEX["mouthSmileLeft"]]
    assert weights[before, INDEX["browDownLeft"]] < 0.1 < 0.4 < weights[after, INDEX["browDownLeft"]]
    assert np.abs(np.diff(weights[:, INDEX["browDownLeft"]])).max() < 0.2 * 30 / 50


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
    speech = analyse(_sounds()[name])
    assert emotional(speech).max() < 0.12
    assert words(model()(speech, Emotion.parse("auto")))[:, INDEX["jawOpen"]].mean() < 0.12


@pytest.mark.parametrize("decibels", [-14, -20, -30])
def test_volume_is_no_emotion(decibels):
    loud, soft = (model()(analyse(voice() * gain)) for gain in (1, 10 ** (decibels / 20)))
    assert np.abs(heard_in(loud) - heard_in(soft)).mean() < 0.01
    assert np.abs(together(loud) - together(soft)).max() < 0.05


def test_an_offset_is_no_emotion():
    quiet = 0.03 * voice()
    plain, offset = (model()(analyse(samples)) for samples in (quiet, quiet + 0.02))
    assert np.abs(heard_in(plain) - heard_in(offset)).mean() < 0.01
    assert np.corrcoef(together(plain).ravel(), together(offset).ravel())[0, 1] >= 0.99


def test_a_pause_after_speech_has_no_emotion():
    """From 1.3 s into silence every emotion but neutral and calm is gone, from the ear and from the face."""
    said = voice()[: int(6.9 * SAMPLE_RATE)]  # by then the voice is half angry
    felt = model()(analyse(np.concatenate([said, np.zeros(4 * SAMPLE_RATE)])))
    assert felt.shown is not None
    others = [name for name in LABELS if name not in ("neutral", "calm")]
    quiet = slice(int((6.86 + 1.3) * SPEECH_FPS), None)
    assert heard_in(felt)[: quiet.start, HEARD.index("angry")].max() > 0.3
    for name in others:
        assert felt.shown.column(name)[quiet].max() <= 0.1
        if name in HEARD:
            assert heard_in(felt)[quiet, HEARD.index(name)].max() <= 0.1


def test_what_a_pause_suggests_is_not_heard():
    """The ear is sure of anger while there is a voice, and even surer of fear in the silence around."""
    frames, angry, fearful = 300, HEARD.index("angry"), HEARD.index("fearful")
    vigour, logits = np.full(frames, 0.01, np.float32), np.zeros((frames, 26), np.float32)
    speaking = slice(100, 200)
    vigour[speaking], logits[speaking, angry], logits[:, fearful] = 0.8, 6, 9
    logits[speaking, fearful] = 0
    stage = Expression(model(), Emotion(), seed=0)
    _, _, heard, _ = run(stage, logits, vigour, np.zeros((frames, 27)), duration=frames / SPEECH_FPS)
    assert heard[speaking, angry].min() > 0.7 and heard[:, fearful].max() < 0.1


def test_a_pause_between_words_keeps_their_emotion():
    """What is told is shown in every pause; what is heard outlasts a short one."""
    said = voice()[int(5 * SAMPLE_RATE) : int(6.9 * SAMPLE_RATE)]
    felt = model()(analyse(np.concatenate([said, np.zeros(SAMPLE_RATE // 4), said])))
    angry = heard_in(felt)[:, HEARD.index("angry")]
    gap = int((1.9 + 0.12) * SPEECH_FPS)
    assert angry[gap] > 0.7 * min(angry[gap - 30], angry[gap + 30])


def test_saved_and_loaded_weights_are_the_same_model(tmp_path):
    save_network(model().net, tmp_path / "copy.safetensors", FORMAT, {"licence": "x"})
    copy = EmoTalk.open(tmp_path / "copy.safetensors")
    a, b = (together(m(demo(), Emotion.parse("auto"))) for m in (model(), copy))
    np.testing.assert_array_equal(a, b)
    assert copy.heard_actors == model().heard_actors


@pytest.mark.skipif(not RAVDESS.is_dir(), reason="needs ../shared/data/ravdess")
def test_acted_voices_move_the_right_part_of_the_face():
    def moved(name: str) -> np.ndarray:
        felt = model()(analyse(load_audio(RAVDESS / f"{name}.opus").samples))
        return (together(felt) - words(felt)).mean(0)

    assert moved("03-01-03-02-01-01-04")[INDEX["mouthSmileLeft"]] > 0.2
    assert moved("03-01-05-01-01-01-04")[INDEX["browDownLeft"]] > 0.2
    assert moved("03-01-01-01-01-01-04").max() < 0.2
