import numpy as np
import pytest

from emogene.face.camera import Camera
from emogene.motion2video.portrait import Moment, Portrait
from emogene.motion2video.splats import Gaussians, Group
from emogene.motion2video.splats.layout import COLOUR, OPACITY

SIZE = 64


def disc(z, radius, colour, components, group):
    """One opaque splat that goes to the right with the first number of its condition."""
    base = np.zeros((13, 1), np.float32)
    base[2], base[3], base[7], base[OPACITY] = z, radius, radius, 50
    base[COLOUR, 0] = colour
    splats = Gaussians.still(base, np.array([group], np.uint8), components)
    splats.motion[0, 0] = 1
    return splats


@pytest.fixture
def portrait():
    """A small red head before a large blue torso that is nearer to the camera: layers go before depth."""
    head = disc(0, 0.4, (1, 0, 0), 3, Group.SKIN)
    torso = disc(-10, 0.6, (0, 0, 1), 10, Group.TORSO)
    return Portrait(head, torso, Camera(200.0, SIZE, SIZE), np.full((SIZE, SIZE, 3), 200, np.uint8))


def moment(head=0.0, torso=0.0, rig=None):
    conditions = np.zeros(3), np.zeros(10)
    conditions[0][0], conditions[1][0] = head, torso
    return Moment(*conditions, np.eye(3), np.array([0, 0, -16.0]), rig)


def test_head_over_torso_over_background(portrait):
    picture = portrait.picture(moment()).astype(int)
    assert picture.dtype == int and picture.shape == (SIZE, SIZE, 3)
    red, blue, grey = picture[32, 32], picture[32, 50], picture[2, 2]
    assert red[0] > 200 and red[2] < 60
    assert blue[2] > blue[0] + 30
    assert (grey == 200).all()


def test_conditions_move_each_layer(portrait):
    def middle_of(picture, channel, other):
        shown = picture[..., channel].astype(int) - picture[..., other]
        return float((shown.clip(0) * np.arange(SIZE)).sum() / shown.clip(0).sum())

    still, nodded = portrait.picture(moment()), portrait.picture(moment(head=0.5))
    assert middle_of(nodded, 0, 2) - middle_of(still, 0, 2) == pytest.approx(200 * 0.5 / 16, abs=1.5)
    swayed = portrait.picture(moment(torso=0.5))
    assert middle_of(swayed, 2, 0) > middle_of(still, 2, 0) + 3


def test_a_rig_changes_the_head_and_may_add_splats(portrait):
    def rig(splats):
        splats[COLOUR] = np.array([[0], [1], [0]])
        more = splats.copy()
        more[1] += 1.0
        return np.concatenate([splats, more], 1)

    picture = portrait.picture(moment(rig=rig)).astype(int)
    assert picture[32, 32, 1] > 200 and picture[20, 32, 1] > picture[20, 32, 0] + 30
    np.testing.assert_array_equal(portrait.picture(moment()), portrait.picture(moment()))


def test_pictures_are_in_order_whatever_the_threads(portrait):
    moments = [moment(head=x, torso=-x) for x in np.linspace(-0.5, 0.5, 9)]
    one, three = (list(portrait.pictures(moments, threads)) for threads in (1, 3))
    assert len(one) == 9
    for index, (a, b) in enumerate(zip(one, three, strict=True)):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, portrait.picture(moments[index]))


def test_moments_are_taken_as_they_are_needed(portrait):
    taken = []

    def source():
        for i in range(100):
            taken.append(i)
            yield moment()

    pictures = portrait.pictures(source(), threads=2)
    next(pictures)
    assert len(taken) <= 4
    pictures.close()


def test_a_background_of_another_size_is_refused(portrait):
    with pytest.raises(ValueError, match="background"):
        Portrait(portrait.head, portrait.torso, portrait.camera, np.zeros((32, 32, 3), np.uint8))
