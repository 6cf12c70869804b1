import numpy as np
import pytest

from emogene.face.arkit import ARKIT_52, INDEX
from emogene.face.head import HeadModel, asset_path, normals
from emogene.face.landmarks import MEDIAPIPE_68, mouth_openness
from emogene.face.mean import mean_face
from emogene.face.mirror import MIRROR_SHAPES, mirror

HEAD = HeadModel.embedded()
REST = HEAD.landmarks68(np.zeros(0), np.zeros(52))


def posed(**weights: float) -> np.ndarray:
    row = np.zeros(52)
    for name, weight in weights.items():
        row[[INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in INDEX]] = weight
    return HEAD.landmarks68(np.zeros(0), row)


def test_the_asset_is_small_and_carries_its_licence():
    assert asset_path().stat().st_size < 3_000_000
    assert "USC Institute for Creative Technologies" in asset_path().with_name("head.LICENSE").read_text()


def test_it_lies_on_the_mean_face_of_the_canonical_space():
    inner = slice(17, 68)
    apart = np.linalg.norm(REST[inner] - mean_face()[inner], axis=1)
    assert np.sqrt((apart**2).mean()) < 0.045
    assert abs((REST[inner] - mean_face()[inner]).mean(0)).max() < 1e-3


def test_left_is_the_persons_left():
    basis = HEAD.landmark_basis
    assert (np.linalg.norm(basis[INDEX["eyeBlinkLeft"], 42:48], axis=1) > 0.002).any()
    assert (basis[INDEX["eyeBlinkLeft"], 36:42] == 0).all()


def test_shapes_of_both_sides_are_mirror_images():
    np.testing.assert_array_equal(mirror(HEAD.landmark_basis)[MIRROR_SHAPES], HEAD.landmark_basis)


def test_all_shapes_but_the_tongue_move_the_face():
    reach = np.linalg.norm(HEAD.expression[:, HEAD.parts["face"]], axis=-1).max(1)
    assert reach[INDEX["tongueOut"]] == 0
    assert np.delete(reach, INDEX["tongueOut"]).min() > 0.02


@pytest.mark.parametrize(
    ("name", "point", "axis", "sign"),
    [
        ("jawOpen", 8, 1, -1),
        ("mouthSmile", 48, 1, 1),
        ("mouthSmile", 48, 0, -1),
        ("mouthFrown", 54, 1, -1),
        ("browInnerUp", 21, 1, 1),
        ("browDown", 24, 1, -1),
        ("eyeWide", 37, 1, 1),
        ("jawLeft", 8, 0, 1),
        ("mouthRight", 57, 0, -1),
    ],
)
def test_shapes_do_what_their_names_say(name, point, axis, sign):
    assert sign * (posed(**{name: 1})[point, axis] - REST[point, axis]) > 0.02


def test_mouth_close_takes_back_what_the_jaw_opens():
    assert mouth_openness(posed(jawOpen=0.6)) > 0.2
    assert mouth_openness(posed(jawOpen=0.6, mouthClose=0.6)) < 0.05


def test_cheek_squint_raises_the_cheek_below_the_eye():
    moved = HEAD.expression[INDEX["cheekSquintRight"]]
    highest = HEAD.mean[moved[:, 1].argmax()]
    eye, corner = REST[36:42].mean(0), REST[48]
    assert corner[1] < highest[1] < eye[1] and highest[0] < 0
    assert moved[:, 1].max() > 0.05


def test_teeth_follow_the_jaw_and_eyeballs_no_shape():
    lower = HEAD.expression[INDEX["jawOpen"], HEAD.parts["teeth"], 1]
    assert lower.min() < -0.2 and (lower == 0).any()
    assert (HEAD.expression[:, HEAD.parts["eyeball_left"]] == 0).all()


def test_identity_modes_move_by_standard_deviations():
    who = np.array([1.0, -2.0])
    np.testing.assert_allclose(
        HEAD.neutral(who), HEAD.mean + HEAD.identity[0] - 2 * HEAD.identity[1], atol=1e-6
    )
    spread = np.sqrt((HEAD.identity[:, HEAD.parts["face"]] ** 2).sum(-1).mean(1))
    assert spread[0] > 0.03 and spread[-1] < 0.01


def test_vertices_and_landmarks_agree_over_batches():
    weights = np.random.default_rng(0).uniform(0, 1, (3, 52))
    who = np.array([0.5, 1.0, -1.0])
    mesh = HEAD.vertices(who, weights)
    assert mesh.shape == (3, len(HEAD.mean), 3)
    np.testing.assert_allclose(mesh[:, HEAD.landmarks], HEAD.landmarks68(who, weights), atol=1e-5)


def test_normals_point_out_of_the_face():
    skin = normals(HEAD.mean, HEAD.triangles("face", "head_neck"))
    assert skin[HEAD.landmarks[30], 2] > 0.95
    assert skin[HEAD.landmarks[0], 0] < -0.7 < 0.7 < skin[HEAD.landmarks[16], 0]
    used = np.unique(HEAD.triangles("face"))
    np.testing.assert_allclose(np.linalg.norm(skin[used], axis=1), 1, atol=1e-6)


def test_triangles_of_a_part_stay_in_its_mesh():
    teeth = HEAD.parts["teeth"]
    corners = HEAD.triangles("teeth")
    assert corners.min() >= teeth.start and corners.max() < teeth.stop
    assert len(HEAD.triangles()) > len(HEAD.triangles("face")) > 17_000


def test_mediapipe_points_are_where_the_68_are():
    shown = HEAD.mediapipe(HEAD.mean)[list(MEDIAPIPE_68)]
    apart = np.linalg.norm(shown - REST, axis=1)
    assert apart[27:].max() < 0.02
    assert len(ARKIT_52) == len(HEAD.expression)
