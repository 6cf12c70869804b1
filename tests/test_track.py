from fractions import Fraction

import numpy as np
import pytest

from emogene.clock import SPEECH_FPS, VIDEO_FPS
from emogene.face.landmarks import Landmarks
from emogene.track import Track


def ramp(frames: int = 50, fps: Fraction = SPEECH_FPS) -> Track:
    """Seconds in one column, twice as many in the other."""
    time = np.arange(frames) / float(fps)
    return Track(np.stack([time, 2 * time], 1).astype(np.float32), ("once", "twice"), fps, "s")


def test_names_and_columns_must_agree() -> None:
    for values in (np.zeros((4, 3)), np.zeros(4), np.zeros((4, 1))):
        with pytest.raises(ValueError, match="2 names"):
            Track(values, ("a", "b"), VIDEO_FPS, "share")


def test_a_column_by_its_name() -> None:
    np.testing.assert_array_equal(ramp().column("twice"), 2 * ramp().column("once"))
    with pytest.raises(KeyError, match="thrice"):
        ramp().column("thrice")


def test_duration_and_length() -> None:
    assert len(ramp(50)) == 50 and ramp(50).duration == 1 and ramp(51, VIDEO_FPS).duration == Fraction(51, 25)


def test_resampled_it_keeps_its_times_and_meaning() -> None:
    track = ramp().resample(VIDEO_FPS, 25)
    assert (track.names, track.unit, track.fps, len(track)) == (("once", "twice"), "s", VIDEO_FPS, 25)
    np.testing.assert_allclose(track.column("once"), np.arange(25) / 25, atol=1e-6)
    longer = ramp().resample(SPEECH_FPS, 60)
    assert len(longer) == 60 and (longer.values[49:] == ramp().values[-1]).all()


def test_a_stretch_begins_at_its_first_frame() -> None:
    part = ramp()[10:20]
    assert len(part) == 10 and part.fps == SPEECH_FPS
    np.testing.assert_array_equal(part.values, ramp().values[10:20])


def test_pieces_join_to_the_whole() -> None:
    whole = ramp()
    joined = Track.join([whole[:7], whole[7:7], whole[7:]])
    np.testing.assert_array_equal(joined.values, whole.values)
    assert (joined.names, joined.fps, joined.unit) == (whole.names, whole.fps, whole.unit)


def test_pieces_of_different_kinds_do_not_join() -> None:
    other_rate = Track(ramp().values, ramp().names, VIDEO_FPS, "s")
    other_names = Track(ramp().values, ("a", "b"), SPEECH_FPS, "s")
    other_unit = Track(ramp().values, ramp().names, SPEECH_FPS, "dm")
    for other in (other_rate, other_names, other_unit):
        with pytest.raises(ValueError, match="different"):
            Track.join([ramp(), other])
    with pytest.raises(ValueError, match="no pieces"):
        Track.join([])


def test_means_by_name() -> None:
    assert ramp(3).mean() == pytest.approx({"once": 0.02, "twice": 0.04})


def test_landmarks_stay_landmarks() -> None:
    faces = Landmarks.of(np.random.default_rng(0).normal(size=(10, 68, 3)).astype(np.float32))
    for made in (faces[2:5], faces.resample(SPEECH_FPS, 20), Landmarks.join([faces, faces])):
        assert isinstance(made, Landmarks) and made.unit == "dm"
    np.testing.assert_array_equal(faces.resample(SPEECH_FPS, 20).points[::2], faces.points)
    with pytest.raises(ValueError, match="68, 3"):
        Landmarks.of(np.zeros((3, 67, 3)))
