import csv
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from emogene.emotalk.facs import ACTION_UNITS
from emogene.errors import EmoGeneError
from emogene.evaluate import emotion

DEMO = Path(emotion.__file__).parents[1] / "assets" / "demo.ogg"
RAVDESS = Path(__file__).parents[3] / "shared" / "data" / "ravdess"


def _noise(path: Path, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 2000, 16000).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    takes = ["01-01-01-01-01-99", "01-03-02-01-01-99", "01-01-01-02-01-98"]
    for seed, take in enumerate(takes):
        _noise(tmp_path / f"03-{take}.wav", seed)
    with (tmp_path / "action_units.csv").open("w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow([f"{unit}_r" for unit in ACTION_UNITS] + ["name"])
        for i, take in enumerate(takes[:2]):
            table.writerow([i] * len(ACTION_UNITS) + [f"01-{take}"])
    return tmp_path


def test_figures_are_plain_numbers_and_say_who_was_heard(folder):
    figures = emotion.evaluate(folder)
    assert figures["clips"] == 3 and figures["actors"] == [98, 99]
    assert not set(figures["actors"]) & set(figures["heard_actors"])
    assert figures["accuracy"] == figures["accuracy_unheard"]
    assert 0 <= figures["accuracy"] <= 1
    assert set(figures["accuracy_by_emotion"]) == {"neutral", "happy"}
    # Actor 99 is louder in every AU; noise is heard as neutral, so nothing is explained.
    assert set(figures["au_r2"]) == set(emotion.SHOWN_UNITS)
    assert all(score < 0.5 for score in figures["au_r2"].values())


def test_a_limit_takes_fewer(folder):
    assert emotion.evaluate(folder, limit=2)["clips"] == 2


def test_a_folder_without_labels_is_one_line(tmp_path):
    shutil.copy(DEMO, tmp_path / "speech.ogg")
    with pytest.raises(EmoGeneError, match=r"neither labels\.csv .* nor recordings named as in RAVDESS"):
        emotion.evaluate(tmp_path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_folder_of_ones_own(tmp_path, separator):
    (tmp_path / "takes").mkdir()
    _noise(tmp_path / "takes" / "one.wav", 0)
    shutil.copy(DEMO, tmp_path / "two.ogg")
    lines = ["file,emotion,actor", "takes/one.wav,neutral,Ann", "two.ogg,Joy,"]
    (tmp_path / "labels.csv").write_text("\n".join(lines).replace(",", separator), "utf-8-sig")
    seen = []
    figures = emotion.evaluate(tmp_path, progress=lambda *step: seen.append(step))
    assert figures["clips"] == 2 and figures["actors"] == ["Ann"] and seen[-1] == ("recordings", 2, 2)
    assert figures["accuracy"] == figures["accuracy_unheard"]
    assert set(figures["accuracy_by_emotion"]) == {"neutral", "happy"}
    assert figures["accuracy_by_emotion"]["neutral"] == 1


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "first line must name"),
        ("name,label\nspeech.ogg,happy\n", "first line must name"),
        ("file,emotion\n", "names no recordings"),
        ("file,emotion\ngone.ogg,happy\n", r"labels\.csv:2: .*gone\.ogg: no such file"),
        ("file,emotion\nspeech.ogg,contempt\n", "'contempt' is not one of neutral, calm"),
        ("file,emotion\nspeech.ogg\n", "'' is not one of neutral"),
    ],
)
def test_wrong_labels_are_one_line(tmp_path, text, because):
    shutil.copy(DEMO, tmp_path / "speech.ogg")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(EmoGeneError, match=because) as error:
        emotion.evaluate(tmp_path)
    assert "\n" not in str(error.value)


def test_a_broken_table_is_one_line(folder):
    (folder / "action_units.csv").write_text("name;AU01_r\nx;y\n")
    with pytest.raises(EmoGeneError, match="action units"):
        emotion.evaluate(folder)


@pytest.mark.skipif(not RAVDESS.is_dir(), reason="needs ../shared/data/ravdess")
def test_ravdess_files_are_found():
    assert len(emotion.recordings(RAVDESS)) == 1200
    assert len(emotion.action_units(RAVDESS / "action_units.csv")) == 1440
