from importlib.resources import files
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.evaluate.mixture import ClipFigures, choose, difference, evaluate, lag, named_emotion, summary

RAVDESS = Path(__file__).parents[3] / "shared" / "data" / "ravdess"
DEMO = Path(str(files("emogene") / "assets" / "demo.ogg"))


def test_lag_finds_a_delay():
    curve = np.random.default_rng(0).normal(size=60).cumsum()
    for delay in (-3, 0, 2):
        assert lag(curve[10:50], curve[10 - delay : 50 - delay]) == delay
    assert lag(curve[:4], curve[:4]) == 0


def test_motion_and_jitter_are_differences():
    steady = np.arange(10.0)[:, None, None] * np.ones((1, 68, 3))
    assert difference(steady, 1) == pytest.approx(3**0.5)
    assert difference(steady, 2) == 0
    assert difference(steady[:2], 2) == 0
    assert difference(steady**2, 2) == pytest.approx(2 * 3**0.5)


def test_summary_weighs_shares_by_their_sums():
    def clip(closures: int, kept: int, asked: float, got: float) -> ClipFigures:
        names = ("brows", "eyes", "corners")
        moved = dict.fromkeys(names, asked), dict.fromkeys(names, got)
        return ClipFigures(0.9, 0, closures, kept, *moved, 4, 3, 2, 1)

    figures = summary([clip(1, 0, 1, 1), clip(3, 3, 3, 2), clip(0, 0, 0, 0)])
    assert figures["closures"] == 4 and figures["closures_kept"] == 0.75
    assert figures["emotion_kept"]["brows"] == 0.75
    assert figures["motion_ratio"] == 0.75 and figures["jitter_ratio"] == 0.5
    assert figures["openness_correlation"] == pytest.approx(0.9)
    assert summary([clip(0, 0, 0, 0)])["closures_kept"] is None


def test_names_and_choice():
    names = [f"03-01-{e:02}-01-01-01-{a:02}.opus" for e in range(1, 9) for a in range(1, 11)]
    paths = [Path(n) for n in names]
    assert named_emotion(paths[0]) == "neutral" and named_emotion(paths[-1]) == "surprised"
    assert named_emotion(Path("talk.wav")) is None and named_emotion(Path("03-01-09-01-01-01-01.wav")) is None
    chosen = choose(paths, 21)
    labels = [named_emotion(p) for p in chosen]
    assert len(chosen) == 21 == len(set(chosen))
    assert labels.count("angry") == 3 and labels.count("neutral") + labels.count("calm") == 3
    assert choose(paths, None) == paths and choose(paths, 1000) == paths


def test_an_empty_folder_is_a_clear_error(tmp_path):
    with pytest.raises(EmoGeneError, match="no recordings"):
        evaluate(tmp_path)


def check(figures: dict) -> None:
    """What the mixture must show. Corners are not judged here: a surprised jaw carries them down, and in speech
    the jaw is the words'."""
    assert figures["openness_correlation"] >= 0.97 and figures["openness_correlation_worst"] >= 0.93
    assert figures["clips_without_lag"] == 1
    assert figures["closures"] > 0 and figures["closures_kept"] >= 0.95
    kept = [figures["emotion_kept"][region] for region in ("brows", "eyes")]
    assert all(share is None or share >= 0.95 for share in kept)
    assert figures["jitter_ratio"] <= 1.02 * figures["motion_ratio"]


@pytest.mark.parametrize("emotion", ["happy", "surprised", "auto"])
def test_the_bundled_clip(tmp_path, emotion):
    copy(DEMO, tmp_path / "demo.ogg")
    figures = evaluate(tmp_path, emotion=emotion)
    check(figures["default"])
    assert figures["default"]["clips"] == 1 and figures["reference"]["closures_kept"] < 0.9


@pytest.mark.skipif(not RAVDESS.exists(), reason="the RAVDESS recordings are not here")
def test_a_few_emotional_recordings():
    figures = evaluate(RAVDESS, sample=7)
    check(figures["default"])
    assert set(figures["default"]["by_emotion"]) >= {
        "happy",
        "sad",
        "angry",
        "fearful",
        "disgust",
        "surprised",
    }
    assert figures["reference"]["openness_correlation"] < 0.97
