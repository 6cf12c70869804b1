import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogene.emotalk import HEARD, LABELS, Emotion, Timeline, parse
from emogene.errors import EmoGeneError


@pytest.mark.parametrize("label", LABELS)
def test_every_label_parses_to_itself(label):
    assert str(Emotion.parse(f" {label.upper()} ")) == label


@pytest.mark.parametrize(
    ("word", "label"), [("fear", "fearful"), ("anger", "angry"), ("surprise", "surprised"), ("joy", "happy")]
)
def test_synonyms(word, label):
    assert Emotion.parse(word) == Emotion.parse(label)


def test_auto_is_what_is_heard():
    emotion = Emotion.parse("auto", 1.5)
    heard = np.random.default_rng(0).random((7, len(LABELS))).astype(np.float32)
    assert emotion.is_auto
    np.testing.assert_allclose(emotion.amounts(heard, 30), heard * 1.5)


def test_a_blend_keeps_its_shares():
    emotion = Emotion.parse("happy=0.6, surprise=0.4", 0.5)
    amounts = emotion.amounts(np.zeros((3, len(LABELS)), np.float32), 30)
    assert str(emotion) == "happy=0.6,surprised=0.4"
    np.testing.assert_allclose(amounts[1, [LABELS.index("happy"), LABELS.index("surprised")]], [0.3, 0.2])
    assert amounts.sum() == pytest.approx(3 * 0.5)


@pytest.mark.parametrize(
    "text",
    ["", "bored", "happy=", "happy=x", "happy=2", "happy=-1", "happy=0", "happy,sad", "happy=nan", "="],
)
def test_what_makes_no_sense_is_one_line(text):
    with pytest.raises(EmoGeneError) as error:
        Emotion.parse(text)
    assert "\n" not in str(error.value)


def test_an_unknown_emotion_lists_the_labels():
    with pytest.raises(EmoGeneError, match=r"unknown emotion 'bored'; choose auto, neutral.*surprised"):
        Emotion.parse("bored")


@pytest.mark.parametrize("intensity", [-0.1, 2.1, float("nan"), float("inf")])
def test_intensity_has_a_range(intensity):
    with pytest.raises(EmoGeneError, match="intensity"):
        Emotion.parse("happy", intensity)


@given(st.text(max_size=30))
def test_parse_never_fails_otherwise(text):
    try:
        Emotion.parse(text)
    except EmoGeneError as error:
        assert str(error)


def test_heard_is_part_of_the_labels():
    assert LABELS[: len(HEARD)] == HEARD


def test_a_timeline_file(tmp_path):
    file = tmp_path / "mood.csv"
    file.write_text("start,end,emotion,intensity\n0,1,happy,1.5\n# later\n2,3,auto\n")
    timeline = parse(str(file))
    assert isinstance(timeline, Timeline)
    heard = np.full((40, len(LABELS)), 0.1, np.float32)
    amounts = timeline.amounts(heard, 10)
    happy = LABELS.index("happy")
    assert amounts[:10, happy] == pytest.approx(np.full(10, 1.5))
    assert amounts[10:20].sum() == 0 and amounts[30:].sum() == 0
    np.testing.assert_allclose(amounts[20:30], heard[20:30])


def test_a_timeline_takes_blends_between_tabs(tmp_path):
    file = tmp_path / "mood.tsv"
    file.write_text("0\t1.5\thappy=0.5,sad=0.5\t0.8\n")
    (cue,) = Timeline.read(file).cues
    assert cue.emotion == Emotion((("happy", 0.5), ("sad", 0.5)), 0.8)


@pytest.mark.parametrize("line", ["0,1", "a,b,happy", "1,0,happy", "0,1,bored", "0,1,happy,9", "-1,1,sad"])
def test_a_bad_timeline_names_its_line(tmp_path, line):
    file = tmp_path / "mood.csv"
    file.write_text(f"0,1,happy\n{line}\n")
    with pytest.raises(EmoGeneError, match=r"mood\.csv:2: "):
        parse(str(file))


def test_a_missing_or_empty_timeline(tmp_path):
    with pytest.raises(EmoGeneError, match="timeline"):
        parse(str(tmp_path / "none.csv"))
    (tmp_path / "empty.csv").write_text("start,end,emotion\n")
    with pytest.raises(EmoGeneError, match="empty"):
        parse(str(tmp_path / "empty.csv"))
