from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogene.emotalk import HEARD, LABELS, Cue, Emotion, Timeline, parse
from emogene.errors import EmoGeneError
from emogene.weights.embedded import assets


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
    np.testing.assert_allclose(emotion.amounts(heard, np.arange(7) / 30), heard * 1.5)


def test_a_blend_keeps_its_shares():
    emotion = Emotion.parse("happy=0.6, surprise=0.4", 0.5)
    amounts = emotion.amounts(np.zeros((3, len(LABELS)), np.float32), np.arange(3) / 30)
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
    amounts = timeline.amounts(heard, np.arange(40) / 10)
    happy = LABELS.index("happy")
    assert amounts[:10, happy] == pytest.approx(np.full(10, 1.5))
    assert amounts[10:20].sum() == 0 and amounts[30:].sum() == 0
    np.testing.assert_allclose(amounts[20:30], heard[20:30])


def test_a_timeline_takes_blends_between_tabs(tmp_path):
    file = tmp_path / "mood.tsv"
    file.write_text("0\t1.5\thappy=0.5,sad=0.5\t0.8\n")
    (cue,) = Timeline.read(file).cues
    assert cue.emotion == Emotion((("happy", 0.5), ("sad", 0.5)), 0.8)


HAPPY, SAD = (Emotion.parse(label) for label in ("happy", "sad"))
QUOTED = '"start","end","emotion","intensity"\n"0","1.5","happy","0.8"\n'
COMMAS = "start;end;emotion;intensity\n0,5;1,5;happy;0,8\n"
SCENES = "start\tend\temotion\tintensity\r\n0\t1\thappy\t1\r\n1\t2\tsad\t0.5\r\n"


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        (QUOTED, [(0, 1.5, "happy", 0.8)]),
        (COMMAS, [(0.5, 1.5, "happy", 0.8)]),
        (SCENES, [(0, 1, "happy", 1), (1, 2, "sad", 0.5)]),
        ("# my scenes\nstart\tend\temotion\tintensity\n0\t1\thappy\t1\n", [(0, 1, "happy", 1)]),
        ("\n\n0 ; 1 ; happy  # smile\n", [(0, 1, "happy", 1)]),
        ('0,1,"happy=0.5,sad=0.5",1\n', [(0, 1, "happy=0.5,sad=0.5", 1)]),
        ('"0,25","1,5","sad","1"\n', [(0.25, 1.5, "sad", 1)]),
        ("Emotion,Intensity,Start (s),End (s)\nhappy,.5,0,1\n", [(0, 1, "happy", 0.5)]),
        ("0\t1\thappy\t\n", [(0, 1, "happy", 1)]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_timelines_as_people_write_them(tmp_path, text, cues, encoding):
    file = tmp_path / "scenes.lst"
    file.write_bytes(text.encode(encoding))
    found = parse(str(file))
    assert isinstance(found, Timeline)
    assert [(c.start, c.end, str(c.emotion), c.emotion.intensity) for c in found.cues] == cues


@pytest.mark.parametrize(
    ("content", "because"),
    [
        ("# caf\u00e9\n0,1,happy\n".encode("latin-1"), r"scenes\.csv:1: not UTF-8 text; save it as UTF-8"),
        ("0,1,happy\n".encode("utf-16-le"), "UTF-16 without its byte order mark"),
        (b"\xff\xfe0", "not UTF-16 text"),
    ],
)
def test_another_encoding_is_named(tmp_path, content, because):
    (tmp_path / "scenes.csv").write_bytes(content)
    with pytest.raises(EmoGeneError, match=because):
        parse(tmp_path / "scenes.csv")


def test_what_is_no_text_at_all_is_not_read(tmp_path):
    with (tmp_path / "talk.mp4").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(EmoGeneError, match="too large for an emotion timeline"):
        parse(str(tmp_path / "talk.mp4"))


def test_cues_beyond_the_end_are_one_warning():
    inside = Timeline((Cue(0, 1, HAPPY), Cue(1, 99, SAD)), "scenes.tsv")
    assert inside.beyond(Fraction(24, 5)) == []
    (line,) = Timeline((Cue(100, 200, HAPPY),), "beyond.tsv").beyond(Fraction(24, 5))
    assert line == "beyond.tsv: its cue starts after the end of the sound (4.80 s), the first at 100 s"
    (line,) = Timeline((*inside.cues, Cue(5, 6, SAD), Cue(4.8, 5, SAD)), "scenes.tsv").beyond(4.8)
    assert line.startswith("scenes.tsv: 2 of 4 cues start after") and line.endswith("the first at 4.8 s")


def test_numbers_and_paths_of_other_libraries(tmp_path):
    (tmp_path / "happy.csv").write_text("0,1,happy,0.5\n")
    (timeline,) = {parse(tmp_path / "happy.csv", np.float32(1.5)), parse(str(tmp_path / "happy.csv"), 1.5)}
    assert isinstance(timeline, Timeline) and timeline.cues[0].emotion.intensity == 0.75
    assert parse(np.str_("happy"), np.int64(1)) == HAPPY


def test_an_emotion_or_a_timeline_is_taken_as_it_is_and_scaled():
    timeline = Timeline((Cue(0, 1, Emotion.parse("sad", 0.5)),))
    assert parse(HAPPY) == HAPPY and parse(HAPPY, 0.5) == Emotion.parse("happy", 0.5)
    assert parse(timeline, 2) == Timeline((Cue(0, 1, SAD),))


def test_a_file_may_be_named_like_a_word_unless_it_is_an_emotion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mood", "happy"):
        (tmp_path / name).write_text("0,1,sad\n")
    assert parse("mood") == Timeline((Cue(0, 1, SAD),), "mood") and parse("happy") == HAPPY


@given(st.text(max_size=30))
def test_reading_never_fails_otherwise(text):
    try:
        parse(text)
    except EmoGeneError as error:
        assert str(error)


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


def test_the_demo_shows_seven_emotions_for_a_second_each():
    cues = Timeline.read(assets() / "demo.tsv").cues
    assert {str(cue.emotion) for cue in cues} == {*HEARD} - {"calm"}
    assert all(cue.end - cue.start > 1 for cue in cues)
    assert all(a.end == b.start for a, b in pairwise(cues))
