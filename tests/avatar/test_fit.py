import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation

from emogene.avatar.fit import FitConfig, FittedHead, calm_frames, fit_head
from emogene.errors import EmoGeneError
from emogene.face.arkit import INDEX
from emogene.face.camera import Camera
from emogene.face.head import HeadModel
from emogene.face.landmarks import MEDIAPIPE_68
from emogene.face.pose import HeadPose

MODEL = HeadModel.embedded()
CAMERA = Camera.of_image(360, 288)
DENSE = np.array([*MEDIAPIPE_68, *(i for i in range(0, 468, 5) if i not in MEDIAPIPE_68)])
WHO = np.array([1.2, -0.8, 0.5, 0.9, -1.0])


def swaying(frames: int, seed: int = 0) -> HeadPose:
    draw = np.random.default_rng(seed)
    turn = Rotation.from_rotvec(draw.normal(0, 0.1, (frames, 3))).as_matrix()
    return HeadPose(turn.astype(np.float32), np.tile(np.float32([0.1, -0.2, -14.0]), (frames, 1)))


def filmed(mesh: np.ndarray, pose: HeadPose, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Tracked pixels ``[T, P, 3]`` and the canonical 68 of ``mesh [T, V, 3]``, seen in every pose."""
    dense = MODEL.mediapipe(mesh)[:, DENSE]
    seen = pose.to_camera(dense)
    pixels = CAMERA.project(seen) + np.random.default_rng(1).normal(0, noise, (*dense.shape[:2], 2))
    depth = -(seen[..., 2:] - seen[:, :68, 2].mean(1)[:, None, None]) * CAMERA.focal / 14.0
    return np.concatenate([pixels, depth], -1), dense[:, :68].astype(np.float32)


def fitted(mesh: np.ndarray, frames: int = 30, noise: float = 0.0, **options) -> FittedHead:
    pose = swaying(frames)
    tracked, points = filmed(np.broadcast_to(mesh, (frames, *mesh.shape)), pose, noise)
    return fit_head(tracked, DENSE, points, pose, CAMERA, **options)


def millimetres(a: np.ndarray, b: np.ndarray, part: str = "face") -> float:
    rows = MODEL.parts[part]
    return float(100 * np.linalg.norm(a[rows] - b[rows], axis=1).mean())


def test_a_person_of_the_model_is_found_again():
    truth = MODEL.neutral(WHO)
    fit = fitted(truth, noise=0.3)
    assert fit.error.pixels < 0.6 and fit.error.points > 80
    assert millimetres(fit.neutral, truth) < 1.0 < millimetres(MODEL.mean, truth)


def test_a_face_beyond_the_model_is_met_by_the_personal_residual():
    truth = MODEL.neutral(WHO)
    truth = truth + 0.03 * np.exp(-(((truth - truth[MODEL.landmarks[30]]) / 0.3) ** 2).sum(1))[:, None]
    fit = fitted(truth)
    assert fit.error.millimetres < 0.3 < fit.error.model_millimetres


def test_expressions_turn_and_grow_with_the_face():
    turn = Rotation.from_rotvec([0.08, 0, 0]).as_matrix()
    fit = fitted(0.9 * MODEL.neutral(WHO) @ turn.T)
    smile = np.zeros(52)
    smile[INDEX["mouthSmileLeft"]] = 1
    wanted = 0.9 * MODEL.landmark_basis[INDEX["mouthSmileLeft"]] @ turn.T
    np.testing.assert_allclose(fit.landmark_basis[INDEX["mouthSmileLeft"]], wanted, atol=0.006)
    np.testing.assert_allclose(fit.displacement(smile)[MODEL.landmarks], wanted, atol=0.006)


def test_speaking_and_blinking_frames_are_not_taken_for_the_neutral_face():
    truth, pose = MODEL.neutral(WHO), swaying(60)
    weights = np.zeros((60, 52))
    weights[::2, INDEX["jawOpen"]] = 0.4
    weights[1::4, [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = 1
    tracked, points = filmed(truth + MODEL.displacement(weights), pose)
    assert set(calm_frames(points, 10) % 4) == {3}
    fit = fit_head(tracked, DENSE, points, pose, CAMERA)
    assert millimetres(fit.neutral, truth) < 1.0


def test_eyeballs_and_teeth_stay_rigid():
    fit = fitted(MODEL.neutral(WHO) + 0.02 * np.sin(9 * MODEL.mean))
    for part in ("eyeball_left", "teeth"):
        rows = MODEL.parts[part]
        plain = MODEL.neutral(fit.identity)[rows] @ fit.linear.T
        moved = fit.neutral[rows] - plain
        np.testing.assert_allclose(moved, np.broadcast_to(moved.mean(0), moved.shape), atol=1e-5)


def drawn_matte(mesh: np.ndarray, pose: HeadPose) -> np.ndarray:
    seen = CAMERA.project(pose.to_camera(np.broadcast_to(mesh, (len(pose), *mesh.shape))))
    mattes = []
    for corners in seen[:, MODEL.triangles("face", "head_neck")] * 4:
        image = Image.new("L", (360 * 4, 288 * 4))
        draw = ImageDraw.Draw(image)
        for triangle in corners:
            draw.polygon([tuple(p) for p in triangle], fill=255)
        mattes.append(np.asarray(image.resize((360, 288), Image.Resampling.BOX)))
    return np.stack(mattes)


def test_the_matte_tells_how_wide_the_face_is():
    truth = MODEL.neutral(WHO)
    beside = np.clip((np.abs(truth[:, 0]) - 0.5) / 0.3, 0, 1)
    truth[:, 0] += 0.06 * np.sign(truth[:, 0]) * beside**2 * (3 - 2 * beside)
    pose = swaying(8)
    tracked, points = filmed(np.broadcast_to(truth, (8, *truth.shape)), pose)
    config = FitConfig(frames=6, contour=1e-6)
    known = (tracked[:, :68], DENSE[:68], points, pose, CAMERA)
    plain, drawn = (fit_head(*known, matte, config) for matte in (None, drawn_matte(truth, pose)))
    side = (np.abs(truth[:, 0]) > 0.65) & (truth[:, 1] > -0.3) & (truth[:, 1] < 0.5)

    def too_narrow(fit: FittedHead) -> float:
        return float((np.abs(truth[side, 0]) - np.abs(fit.neutral[side, 0])).mean())

    assert abs(too_narrow(drawn)) < 0.5 * too_narrow(plain)
    assert drawn.error.millimetres < 0.3


def test_a_video_without_a_calm_frame_is_a_clear_error():
    points = np.repeat(MODEL.mean[MODEL.landmarks][None], 2, 0)
    points[0, [37, 38, 43, 44], 1] -= 0.08  # closed lips, closed eyes
    points[1, 66, 1] -= 0.2
    with pytest.raises(EmoGeneError, match="closed lips and open eyes"):
        calm_frames(points, 4)
