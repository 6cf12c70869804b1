import numpy as np
from scipy.spatial.transform import Rotation

from emogene.avatar.pose_scale import PoseScale
from emogene.avatar.track import joined_pose, resting_face, spread_rows
from emogene.face.landmarks import mouth_openness
from emogene.face.mean import mean_face

random = np.random.default_rng(0)


def clips(count=4, frames=38):
    """Slow random head motion about a different place in each clip."""
    time = np.linspace(0, 1, frames)[:, None]
    turns, moves = [], []
    for _ in range(count):
        turns.append(0.05 * np.sin(6 * time + random.uniform(0, 6, 3)))
        moves.append(
            random.normal(0, 0.3, 3) + 0.05 * np.sin(5 * time + random.uniform(0, 6, 3)) + [0, 0, -17]
        )
    rotation = Rotation.from_rotvec(np.concatenate(turns)).as_matrix()
    return rotation, np.concatenate(moves), np.repeat(np.arange(count), frames)


def test_joined_pose_is_continuous():
    rotation, translation, clip = clips()
    track = joined_pose(rotation, translation, clip, stride=2)
    assert len(track) > 3 * 60
    assert np.abs(np.diff(track.translation, axis=0)).max() < 0.02
    step = Rotation.from_matrix(track.rotation[1:]) * Rotation.from_matrix(track.rotation[:-1]).inv()
    assert step.magnitude().max() < 0.02


def test_joined_pose_stays_about_the_mean():
    rotation, translation, clip = clips()
    track = joined_pose(rotation, translation, clip, stride=2)
    assert np.allclose(track.translation.mean(0), translation.mean(0), atol=0.05)


def test_resting_face_has_closed_lips():
    points = np.repeat(mean_face()[None], 100, 0)
    points[:, 66, 1] -= np.linspace(0, 0.3, 100)
    assert mouth_openness(resting_face(points)[None])[0] < np.quantile(mouth_openness(points), 0.3)


def test_spread_rows_take_the_extremes_first():
    points = np.repeat(mean_face()[None], 50, 0)
    points[:, 8, 1] += np.linspace(-1, 1, 50)
    assert set(spread_rows(points, 2)) == {0, 49}
    assert len(set(spread_rows(points, 30))) == 30


def test_pose_scale_has_unit_deviation_and_limits():
    rotation, translation, _ = clips()
    scale = PoseScale.fit(rotation, translation)
    scaled = scale(rotation, translation, limit=9)
    assert np.allclose(scaled.mean(0), 0, atol=1e-4)
    assert np.allclose(scaled.std(0), 1, atol=0.01)
    assert np.abs(scale(rotation, translation + 100)).max() == 2.5
