from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from emogene.avatar import Avatar
from emogene.avatar.capture.tracks import track
from emogene.weights.embedded import assets

MODEL = Path(__file__).parents[3] / "shared" / "data" / "models" / "face_landmarker.task"


@pytest.mark.skipif(not find_spec("mediapipe"), reason="MediaPipe is not installed")
@pytest.mark.skipif(not MODEL.is_file(), reason="needs ../shared/data/models/face_landmarker.task")
def test_every_frame_is_tracked_by_itself():
    """The same picture gives the same points whatever came before it, and where they were drawn."""
    avatar = Avatar.open(assets() / "avatars" / "grid-s1.safetensors")
    assert isinstance(avatar, Avatar)
    points = avatar.space.database[[0, 300, 600]]
    pose = avatar.pose[np.array([0, 100, 200])]
    portrait = avatar.portrait(256, np.full((256, 256, 3), 128, np.uint8))
    frames = list(portrait.pictures(avatar.moments(points, pose)))
    tracked = track(frames, MODEL)
    np.testing.assert_array_equal(tracked[2], track(frames[2:], MODEL)[0])
    drawn = avatar.camera.project(pose.to_camera(points))
    assert np.abs(tracked[:, 17:68, :2] - drawn[:, 17:]).mean() < 1.0
