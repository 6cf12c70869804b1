import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.errors import EmoGeneError
from emogene.evaluate.lips import Clip, closure_figures, evaluate, motion_figures
from emogene.face.mean import mean_face
from emogene.weights.embedded import assets

DATA = Path(__file__).parents[3] / "shared" / "data"


def talking(gap: np.ndarray) -> np.ndarray:
    """The mean face with its inner lips ``gap`` decimetres further apart, ``[T, 68, 3]``."""
    points = np.tile(mean_face(), (len(gap), 1, 1))
    points[:, 48:60, 0] += 0.1 * gap[:, None]
    points[:, 60:68, 1] = points[:, 60:68, 1].mean()
    points[:, 61:64, 1] += gap[:, None] / 2
    points[:, 65:68, 1] -= gap[:, None] / 2
    return points


def wave(frames: int = 75) -> np.ndarray:
    return 0.06 * (1 - np.cos(np.arange(frames) * 0.5)) * (1 + 0.3 * np.sin(np.arange(frames) * 0.11))


def clip(found: np.ndarray, true: np.ndarray, words=()) -> Clip:
    return Clip("a", talking(true), talking(found), list(words))


def test_a_perfect_prediction():
    figures = motion_figures(clip(wave(), wave()))
    assert figures["correlation"] == pytest.approx(1) and figures["ratio"] == pytest.approx(1)
    assert figures["r2"] == pytest.approx(1) and figures["r2_from_rest"] == pytest.approx(1)
    assert figures["lag"] == 0


@given(st.integers(-4, 4))
@settings(max_examples=9, deadline=None)
def test_lag_is_found_and_has_its_sign(lag):
    long = wave(100)
    figures = motion_figures(clip(long[10 - lag : 85 - lag], long[10:85]))
    assert figures["lag"] == lag


def test_a_constant_prediction_explains_nothing():
    figures = motion_figures(clip(np.full(75, 0.05), wave()))
    assert figures["correlation"] == 0 and figures["r2"] <= 1e-6


def test_closures():
    true = np.full(75, 0.1)
    true[[20, 21, 40, 41]] = 0
    words = [(0.9, 1.4, "bin"), (1.65, 2.0, "place"), (2.0, 2.4, "now")]
    assert closure_figures([clip(true, true, words)]) == {
        "closures": 2,
        "closure_recall": 1.0,
        "closure_precision": 1.0,
    }
    near = np.full(75, 0.1)
    near[22] = 0  # one frame late counts; the second word's is missing; a false one lowers the precision
    near[50] = 0
    figures = closure_figures([clip(near, true, words)])
    assert figures["closure_recall"] == 0.5 and figures["closure_precision"] == 0.5


def test_no_words_no_closures():
    assert closure_figures([clip(wave(), wave())]) == {}


@pytest.fixture
def folder(tmp_path) -> Path:
    """One clip with sound and track, one with a track alone."""
    (tmp_path / "audio").mkdir()
    shutil.copy(assets() / "demo.ogg", tmp_path / "audio" / "a.ogg")
    pixels = talking(wave()) * np.array([100, -100, -100]) + np.array([180, 144, 0])
    absolute = np.round(64 * pixels).astype(np.int64)
    delta = np.diff(absolute, axis=0, prepend=0).astype(np.int16)
    names, offset = np.array(["a", "b"]), np.array([0, 75, 75])
    about = {"image_size": np.array([360, 288]), "fps": np.array(25)}
    np.savez(tmp_path / "tracks.npz", landmarks_delta=delta, clip=names, offset=offset, **about)  # type: ignore
    return tmp_path


def test_a_folder(folder):
    seen = []
    figures = evaluate(folder, progress=lambda *step: seen.append(step))
    assert figures["clips"] == 1 and -1 <= figures["openness_correlation"] <= 1
    assert "closure_recall" not in figures and seen[-1] == ("lips", 1, 1)
    (folder / "alignments.tsv").write_text("clip\tstart\tend\tword\na\t5000\t20000\tbin\n")
    assert evaluate(folder)["closures"] in (0, 1)


def test_bad_folders_are_one_line(folder):
    def refused(because: str) -> None:
        with pytest.raises(EmoGeneError, match=because) as error:
            evaluate(folder)
        assert "\n" not in str(error.value) and str(folder) in str(error.value)

    (folder / "alignments.tsv").write_text("clip start\na 1\n")
    refused("not word alignments")
    (folder / "audio" / "a.ogg").rename(folder / "audio" / "other.ogg")
    (folder / "alignments.tsv").unlink()
    refused("no sound in audio/ has the name of a clip")
    (folder / "audio" / "other.ogg").unlink()
    refused(r"tracks\.npz but no sound in audio/; docs/evaluate\.md")
    (folder / "tracks.npz").unlink()
    refused(r"neither tracks\.npz nor videos; docs/evaluate\.md")
    (folder / "film.mp4").write_bytes(b"")
    refused(r"no tracks\.npz; to track its videos, put face_landmarker\.task there")
    (folder / "film.mp4").unlink()
    shutil.copy(assets() / "demo.ogg", folder / "audio" / "a.ogg")
    (folder / "tracks.npz").write_bytes(b"no archive")
    refused("not face tracks")


@pytest.mark.skipif(
    not (find_spec("mediapipe") and (DATA / "models" / "face_landmarker.task").is_file()),
    reason="needs MediaPipe and ../shared/data",
)
def test_a_folder_of_videos(tmp_path):
    for part in ("audio", "video"):
        (tmp_path / part).mkdir()
    (tmp_path / "face_landmarker.task").symlink_to(DATA / "models" / "face_landmarker.task")
    shutil.copy(DATA / "grid_s1" / "audio" / "bbaszn.opus", tmp_path / "audio")
    film = Path(shutil.copy(DATA / "grid_s1" / "video" / "bbaszn.mpg", tmp_path / "video"))
    figures = evaluate(tmp_path, everything=True)
    assert figures["clips"] == 1 and figures["openness_correlation"] > 0.7
    film.write_bytes(b"no film")
    with pytest.raises(EmoGeneError, match="cannot be read as a video"):
        evaluate(tmp_path, everything=True)
