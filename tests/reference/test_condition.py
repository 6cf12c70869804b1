from pathlib import Path

import numpy as np
import pytest

from emogene.face.landmarks import MEDIAPIPE_68
from emogene.mixture.lle import blend, project
from emogene.reference.condition import (
    EyeRange,
    LandmarkStatistics,
    blinked,
    box_smooth,
    head_condition,
    image_landmarks,
    ngp_poses,
    official_blink,
    smooth_poses,
    torso_landmarks,
    torso_pose,
    windows,
)

SHARED = Path(__file__).parents[3] / "shared" / "official" / "fixtures"
FACES, WINDOWS = [0, 25, 75, 78, 85], [0, 25, 75, 80, 85]  # the frames of the recorded subset
# recorded run: blink, share of the LLE, ridge of the LLE
RUNS = {
    "geneface_r0": ("none", 0.2, 0.0),
    "geneface_r1": ("period", 0.2, 0.0),
    "geneface_r3": ("period", 1.0, 0.0),
    "emogene_r2": ("none", 0.2, 1e-6),
}


@pytest.fixture(scope="session")
def recorded() -> dict[str, np.ndarray]:
    """Numbers recorded from the official code on a synthetic face basis (a subset)."""
    return dict(np.load(Path(__file__).parents[1] / "fixtures" / "mixture.npz"))


def displacements(recorded: dict, expression: np.ndarray) -> np.ndarray:
    """Centimetres from the mean face, by the fixture's own linear basis."""
    moved = (expression @ recorded["exp_base"].T).reshape(-1, 68, 3)
    return 10 * (recorded["id_displacement"] + moved)


@pytest.fixture(scope="session")
def database(recorded) -> np.ndarray:
    return displacements(recorded, recorded["ds_exp"])


@pytest.fixture(scope="session")
def eyes(recorded) -> EyeRange:
    return EyeRange(float(recorded["opened_eye"]), float(recorded["closed_eye"]))


def faces_after_lle(recorded, database, share, ridge) -> np.ndarray:
    flat = displacements(recorded, recorded["exp"]).reshape(-1, 204)
    fused = blend(flat, project(flat, database.reshape(-1, 204), ridge=ridge), share)
    return fused.reshape(-1, 68, 3) / 10 + recorded["mean_face"]


@pytest.mark.parametrize("run", RUNS)
def test_official_numbers(recorded, database, eyes, run):
    blink, *settings = RUNS[run]
    faces = faces_after_lle(recorded, database, *settings)
    if blink == "period":
        faces, area = blinked(faces, official_blink(len(faces)), eyes)
        np.testing.assert_allclose(area, recorded["eye_area_period"], atol=1e-6)
    np.testing.assert_allclose(faces[FACES], recorded[f"{run}_faces"], atol=1e-4)
    condition = head_condition(faces, recorded["mean_face"], LandmarkStatistics.of(database), 3)
    assert condition.shape == (len(faces), 3, 1, 204)
    np.testing.assert_allclose(condition[WINDOWS, :, 0], recorded[f"{run}_windows"], atol=2e-3)


def test_blinks_come_every_100_frames():
    whole = official_blink(500)
    assert np.flatnonzero(whole == 1).tolist() == [78, 178, 278, 378, 478]
    assert (whole > 0).sum() == 5 * 7
    for start in (0, 74, 77, 150):
        np.testing.assert_array_equal(official_blink(40, start), whole[start : start + 40])


def test_torso_landmarks(recorded):
    faces = displacements(recorded, recorded["exp"]) / 10 + recorded["mean_face"]
    ours = torso_landmarks(faces, recorded["euler"], recorded["trans"])
    np.testing.assert_allclose(ours[:8], recorded["torso_lm68"], atol=1e-5)


def test_pose_smoothing(recorded):
    np.testing.assert_allclose(smooth_poses(recorded["c2w"])[:9], recorded["c2w_smoothed7"], atol=1e-6)
    np.testing.assert_allclose(box_smooth(recorded["smooth7_in"])[:17], recorded["smooth7_out"], atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_clips(recorded, database, frames):
    faces = displacements(recorded, recorded["exp"][:frames]) / 10 + recorded["mean_face"]
    condition = head_condition(faces, recorded["mean_face"], LandmarkStatistics.of(database), 5)
    assert condition.shape == (frames, 5, 1, 204)
    assert np.isfinite(condition).all()
    assert box_smooth(recorded["smooth7_in"][:frames]).shape == (frames, 3)
    assert smooth_poses(recorded["c2w"][:frames]).shape == (frames, 4, 4)


def test_normalised_is_clamped_to_the_range_seen(database):
    statistics = LandmarkStatistics.of(database)
    far = statistics.normalise(database[:5] * 100)
    assert (far <= statistics.upper).all() and (far >= statistics.lower).all()
    inside = statistics.normalise(database)
    free = (database - statistics.mean) / statistics.std
    assert np.mean(inside == free) == pytest.approx(0.94, abs=0.01)


def test_windows_are_zero_beyond_the_ends():
    track = np.arange(1.0, 5)[:, None]
    got = windows(track, 3)[:, :, 0, 0]
    np.testing.assert_array_equal(got, [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0]])
    np.testing.assert_array_equal(windows(track, 5)[0, :, 0, 0], [0, 0, 1, 2, 3])


def test_eye_range_of_a_video():
    areas = np.linspace(0, 1, 101)
    assert EyeRange.of(areas) == EyeRange(pytest.approx(0.97), pytest.approx(0.03))


@pytest.mark.skipif(not SHARED.exists(), reason="the full recordings are not here")
def test_every_recorded_number(eyes):
    full = dict(np.load(SHARED / "post_geneface.npz")) | {
        f"emogene_{k}": v for k, v in np.load(SHARED / "post_emogene.npz").items()
    }
    points = list(MEDIAPIPE_68)

    def moved(expression: np.ndarray) -> np.ndarray:
        flat = full["ds_id"] @ full["key_id_base"].T + expression @ full["key_exp_base"].T
        return 10 * flat.reshape(-1, 468, 3)[:, points]

    mean_face, database = full["key_mean_shape"][points], moved(full["ds_exp"])
    flat = moved(full["exp"]).reshape(-1, 204)
    for run, ridge in [("r0", 0), ("r1", 0), ("r2", 0), ("r3", 0), ("emogene_r2", 1e-6)]:
        fused = blend(flat, project(flat, database.reshape(-1, 204), ridge=ridge), float(full[f"{run}_lle"]))
        faces = fused.reshape(-1, 68, 3) / 10 + mean_face
        if str(full[f"{run}_blink"]) == "period":
            faces, area = blinked(faces, official_blink(len(faces)), eyes)
            np.testing.assert_allclose(area, full[f"{run}_eye_area_percent"], atol=1e-6)
        statistics = LandmarkStatistics.of(database)
        got = head_condition(faces, mean_face, statistics, int(full["smo_win_size"]))
        np.testing.assert_allclose(got[::5], full[f"{run}_cond_wins_every5"], atol=2e-3)
        np.testing.assert_allclose(got[-1], full[f"{run}_cond_wins_last"], atol=2e-3)


@pytest.mark.skipif(not SHARED.exists(), reason="the full recordings are not here")
def test_every_recorded_pose_number(eyes):
    full = dict(np.load(SHARED / "pose_and_binarizer.npz"))
    np.testing.assert_allclose(smooth_poses(full["c2w"]), full["c2w_smoothed7"], atol=1e-6)
    np.testing.assert_allclose(ngp_poses(full["c2w_smoothed7"]), full["ngp_poses"], atol=1e-6)
    np.testing.assert_allclose(torso_pose(full["ngp_poses"]), full["convert_poses"], atol=1e-6)
    shut, area = blinked(full["blink_in"], official_blink(len(full["blink_in"])), eyes)
    np.testing.assert_allclose(shut, full["blink_out"], atol=1e-6)
    np.testing.assert_allclose(area, full["blink_eye_area"], atol=1e-6)
    assert image_landmarks(full["blink_in"][:3], full["euler"][:3], full["ds_trans"][:3]).shape == (3, 68, 2)
