import numpy as np

from emogene.avatar.capture.layers import face_region, head_layer, part_region
from emogene.face.landmarks import MOUTH
from emogene.face.mean import mean_face

SIZE = 128


def projected():
    points = mean_face().copy()
    return np.stack([64 + 45 * points[:, 0], 60 - 45 * points[:, 1]], -1)


def test_head_layer_holds_face_and_hair_and_fades_below_the_chin():
    points = projected()
    layer = head_layer(points, SIZE)
    chin = points[8].astype(int)
    assert layer[4, 4] == 1
    assert layer[chin[1] - 4, chin[0]] == 1
    below = layer[chin[1] :, chin[0]]
    assert (np.diff(below) <= 1e-6).all()
    assert below[-1] == 0
    assert ((below > 0.1) & (below < 0.9)).any()


def test_the_face_is_between_jaw_and_brows():
    points = projected()
    region = face_region(points, SIZE)
    assert region[int(points[33, 1]), int(points[33, 0])]
    assert not region[2, 64]


def test_a_part_box_holds_its_points():
    points = projected()
    box = part_region(points, MOUTH, SIZE)
    column, row = points[MOUTH].astype(int).T
    assert box[row, column].all()
    assert box.mean() < 0.2
