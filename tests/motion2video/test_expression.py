import time

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from emogene.face.arkit import ARKIT_52, INDEX
from emogene.face.head import HeadModel
from emogene.face.landmarks import MOUTH, mouth_openness
from emogene.motion2video.expression import SOLVED, ExpressionSolver, LipCarrier

MODEL = HeadModel.embedded()
NEUTRAL = MODEL.mean[MODEL.landmarks]
SOLVER = ExpressionSolver(MODEL.landmark_basis, NEUTRAL)
CARRIER = LipCarrier(MODEL.mean, MODEL)
SPOKEN = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRollLower",
    "mouthUpperUp",
    "mouthLowerDown",
)


def weights(**named: float) -> np.ndarray:
    row = np.zeros(52)
    for name, value in named.items():
        row[[INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in INDEX]] = value
    return row


def speech(frames: int, seed: int = 0) -> np.ndarray:
    """Smooth random weights of the shapes that speech makes, lips often shut."""
    draw = np.random.default_rng(seed)
    spoken = np.zeros((frames, 52))
    for name in SPOKEN:
        amount = np.convolve(draw.uniform(-0.6, 1, frames + 4), np.ones(5) / 3, "valid").clip(0, 0.7)
        spoken += amount[:, None] * weights(**{name: 1})
    spoken[:, INDEX["mouthClose"]] = spoken[:, INDEX["mouthClose"]].clip(0, spoken[:, INDEX["jawOpen"]])
    return spoken


def displacement(rows: np.ndarray) -> np.ndarray:
    return np.tensordot(np.atleast_2d(rows), MODEL.landmark_basis, 1)


def mesh_points(moved: np.ndarray, emotion: np.ndarray) -> np.ndarray:
    found = SOLVER(moved, emotion)
    mesh = MODEL.mean + MODEL.displacement(found.weights)
    mesh[:, CARRIER.vertices] += CARRIER(found.lips)
    return mesh[:, MODEL.landmarks]


@pytest.mark.parametrize("seed", range(3))
def test_lips_open_on_the_mesh_as_they_were_wanted(seed):
    """Wanted: spoken by another head's shapes, with tracking noise, under a full sneer and squint."""
    draw = np.random.default_rng(seed)
    other = MODEL.landmark_basis * draw.uniform(0.7, 1.3, (52, 1, 1))
    wanted = np.tensordot(speech(60, seed), other, 1) + draw.normal(0, 0.005, (60, 68, 3))
    emotion = np.tile(weights(noseSneer=1, cheekSquint=0.7, browDown=1), (60, 1))
    seen = mesh_points(wanted, emotion)
    np.testing.assert_allclose(seen[:, MOUTH], (NEUTRAL + wanted)[:, MOUTH], atol=1e-4)
    opened, asked = mouth_openness(seen), mouth_openness(NEUTRAL + wanted)
    assert asked.std() > 0.02 and np.corrcoef(opened, asked)[0, 1] > 0.999


def test_the_upper_face_is_the_emotions_own():
    emotion = weights(browInnerUp=-0.8, browDown=1, noseSneer=0.5, cheekSquint=0.7, eyeWide=1.2, jawOpen=0.6)
    found = SOLVER(displacement(speech(5)), np.tile(emotion, (5, 1)))
    np.testing.assert_allclose(found.weights[:, ~SOLVED], np.tile(emotion[~SOLVED], (5, 1)), atol=1e-6)


def test_mouth_and_jaw_follow_the_lips_and_not_the_blendshapes():
    said = weights(jawOpen=0.5, mouthFunnel=0.4)
    found = SOLVER(displacement(said), weights(jawOpen=0.9)[None]).weights[0]
    assert abs(found[INDEX["jawOpen"]] - 0.5) < 0.05 and abs(found[INDEX["mouthFunnel"]] - 0.4) < 0.1
    assert found[SOLVED].min() >= 0 and found[SOLVED].max() <= 1


def test_shapes_that_lip_points_confuse_stay_out():
    smile = weights(mouthSmile=0.8)
    found = SOLVER(displacement(smile), smile[None]).weights[0]
    assert found[INDEX["cheekPuff"]] < 0.02 and found[INDEX["jawForward"]] < 0.05
    assert abs(found[INDEX["mouthSmileLeft"]] - 0.8) < 0.1


def test_a_pose_that_is_off_is_not_taken_for_an_expression():
    said = speech(20)
    turned = Rotation.from_rotvec([0.0175, 0.01, 0]).as_matrix()
    moved = (NEUTRAL + displacement(said)) @ turned.T + [0.01, 0, 0] - NEUTRAL
    still = SOLVER(displacement(said), np.zeros((20, 52)))
    found = SOLVER(moved, np.zeros((20, 52)))
    assert np.abs(found.weights - still.weights).mean() < 0.005


def test_frames_do_not_depend_on_their_neighbours():
    moved, emotion = displacement(speech(8)), np.zeros((8, 52))
    whole, part = SOLVER(moved, emotion), SOLVER(moved[5:6], emotion[5:6])
    np.testing.assert_allclose(whole.weights[5:6], part.weights, atol=1e-6)


def test_the_kernel_agrees_with_scipy():
    moved = displacement(speech(20)) + np.random.default_rng(3).normal(0, 0.02, (20, 68, 3))
    emotion = np.tile(weights(mouthSmile=0.7, noseSneer=0.5), (20, 1))
    fast, slow = (SOLVER(moved, emotion, backend) for backend in ("numba", "scipy"))
    assert (slow.weights[:, SOLVED] == 0).any(), "bounds are met"
    np.testing.assert_allclose(fast.weights, slow.weights, atol=1e-3)


def test_half_a_millisecond_a_frame():
    moved, emotion = displacement(speech(100)), np.zeros((100, 52))
    SOLVER(moved, emotion)
    start = time.thread_time()
    SOLVER(moved, emotion)
    assert (time.thread_time() - start) / 100 < 0.5e-3


def test_the_carrier_moves_the_lips_apart_and_nothing_far_away():
    lips = np.zeros((20, 3))
    lips[[14, 18], 1] = 0.05, -0.05  # 62 up, 66 down: they touch at rest
    moved = np.zeros_like(MODEL.mean)
    moved[CARRIER.vertices] = CARRIER(lips)
    np.testing.assert_allclose(moved[MODEL.landmarks[MOUTH]], lips, atol=1e-6)
    assert np.abs(moved[MODEL.landmarks[:48]]).max() < 0.01
    assert np.abs(moved[MODEL.landmarks[17:31]]).max() < 1e-5
    assert len(ARKIT_52) == len(SOLVED)
