import numpy as np
import pytest

from emogene.face.arkit import ARKIT_52, INDEX
from emogene.face.landmarks import mouth_openness
from emogene.face.mean import mean_face
from emogene.face.mirror import MIRROR_SHAPES, mirror
from emogene.face.rig import Rig

FACE = mean_face()
BASIS = Rig.embedded().basis


def posed(**weights: float) -> np.ndarray:
    row = np.zeros((1, 52), np.float32)
    for name, weight in weights.items():
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in INDEX:
                row[0, INDEX[full]] = weight
    return FACE + Rig.embedded().displacement(row)[0]


def test_rest_is_rest():
    np.testing.assert_array_equal(posed(), FACE)


def test_left_and_right_are_mirror_images():
    np.testing.assert_allclose(mirror(BASIS)[MIRROR_SHAPES], BASIS, atol=1e-6)


def test_smile_lifts_and_widens_the_corners_by_one_to_two_centimetres():
    moved = posed(mouthSmile=1)[54] - FACE[54]
    assert moved[0] > 0.03 and moved[1] > 0.06
    assert 0.08 < np.linalg.norm(moved) < 0.2


def test_frown_lowers_the_corners():
    assert posed(mouthFrown=1)[54, 1] < FACE[54, 1] - 0.04


def test_brows_go_up_and_down():
    up = posed(browInnerUp=1)[[21, 22], 1] - FACE[[21, 22], 1]
    down = posed(browDown=1)[17:27] - FACE[17:27]
    assert (up > 0.05).all() and (up < 0.1).all()
    assert (down[:, 1] < -0.01).all()
    assert down[5, 0] < 0 < down[4, 0], "inner ends come together"


def test_jaw_opens_the_mouth_centimetres_and_drops_the_chin():
    opened = posed(jawOpen=1)
    assert 0.25 < mouth_openness(opened) < 0.45
    assert opened[8, 1] < FACE[8, 1] - 0.15


def test_mouth_close_undoes_the_opening():
    assert mouth_openness(posed(jawOpen=0.3, mouthClose=0.3)) < 0.5 * mouth_openness(posed(jawOpen=0.3))


def test_blink_closes_the_lids_and_wide_opens_them():
    def gap(face):
        return np.linalg.norm(face[[37, 38, 43, 44]] - face[[41, 40, 47, 46]], axis=-1)

    assert (gap(posed(eyeBlink=1)) < 0.3 * gap(FACE)).all(), (
        "the head model's own eyes close; these are others"
    )
    assert (gap(posed(eyeWide=1)) > gap(FACE) + 0.02).all()
    assert (gap(posed(eyeSquint=1)) < gap(FACE) - 0.01).all()


@pytest.mark.parametrize("name", ARKIT_52)
def test_no_cross_talk(name):
    reach = np.linalg.norm(BASIS[INDEX[name]], axis=-1)
    if name.startswith(("jaw", "mouth", "cheekPuff")):
        assert reach[17:27].max() < 0.01 and reach[36:48].max() < 0.01
    if name.startswith(("brow", "eye")):
        assert reach[48:68].max() < 0.005 and reach[4:13].max() < 0.005
    assert reach.max() < 0.5
