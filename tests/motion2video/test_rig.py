import numpy as np
import pytest

from emogene.avatar.condition import ConditionBasis
from emogene.emotalk.emotion import LABELS
from emogene.emotalk.expressions import table
from emogene.face.arkit import INDEX
from emogene.face.head import HeadModel
from emogene.face.landmarks import MOUTH, mouth_openness
from emogene.motion2video.binding import Binding, bind
from emogene.motion2video.rig import FaceMesh, FaceRig
from emogene.motion2video.rig_cpu import displace
from emogene.motion2video.splats.gaussians import Gaussians, Group
from emogene.motion2video.splats.layout import COLOUR, OPACITY, POSITION, ROWS
from emogene.performance.blink import close_eyes

MODEL = HeadModel.embedded()
NEUTRAL = MODEL.mean[MODEL.landmarks].copy()
NONE = np.zeros(52, np.float32)
SPOKEN = (
    "jawOpen",
    "mouthFunnel",
    "mouthPucker",
    "mouthUpperUp",
    "mouthLowerDown",
    "eyeBlink",
    "browInnerUp",
)


def weights(**named: float) -> np.ndarray:
    row = np.zeros(52, np.float32)
    for name, value in named.items():
        row[[INDEX[n] for n in (name, f"{name}Left", f"{name}Right") if n in INDEX]] = value
    return row


def emotion(label: str) -> np.ndarray:
    return table()[LABELS.index(label)]


class Person:
    """A person of splats on the head model's own vertices who spoke and blinked."""

    def __init__(self) -> None:
        draw = np.random.default_rng(0)
        spoken = np.zeros((200, 52), np.float32)
        for name in SPOKEN:
            spoken += draw.uniform(0, 0.4, (200, 1)).astype(np.float32) * weights(**{name: 1})
        spoken[:, [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] *= 2.5
        points = NEUTRAL + np.tensordot(spoken, MODEL.landmark_basis, 1)
        points += draw.normal(0, 1e-4, points.shape)  # the tracker's
        self.basis = ConditionBasis.fit(points.astype(np.float32), draw.normal(0, 0.1, (200, 2)), 8)
        face = draw.permutation(6706)[:1500]
        self.vertex = np.concatenate([MODEL.landmarks, face])
        place = MODEL.mean[self.vertex]
        groups = np.full(len(place), Group.SKIN)
        lips = NEUTRAL[MOUTH]
        near = (np.abs(place[:, 0]) < 0.32) & (place[:, 1] < lips[:, 1].max() + 0.1)
        near &= place[:, 1] > lips[:, 1].min() - 0.1
        lower = MODEL.expression[INDEX["jawOpen"]][self.vertex, 1] < -0.15
        groups[near] = np.where(lower, Group.LOWER_LIP, Group.UPPER_LIP)[near]
        moved = np.tensordot(spoken, MODEL.expression[:, self.vertex], 1)
        conditions = self.basis.encode(points.astype(np.float32))[:, :8]
        known = np.column_stack([conditions, np.ones(200)])
        motion = np.linalg.lstsq(known, moved.reshape(200, -1), rcond=None)[0]
        motion = motion.reshape(9, -1, 3).astype(np.float32)
        inside = np.array([[0, -0.36, -0.03], [0.05, -0.37, -0.04]], np.float32).T
        eyes = NEUTRAL[36:48].reshape(2, 6, 3).mean(1).T
        extra = np.concatenate([inside, eyes], 1)
        base = np.zeros((ROWS, len(place) + 4), np.float32)
        base[POSITION] = np.concatenate([(place + motion[8]).T, extra], 1)
        base[3], base[7], base[OPACITY] = 0.01, 0.01, 0.8
        base[COLOUR] = 0.6
        self.groups = np.concatenate([groups, [Group.INTERIOR] * 2, [Group.EYES] * 2]).astype(np.uint8)
        head = Gaussians.still(base, self.groups, self.basis.width)
        head.motion[:3, :8, : len(place)] = motion[:8].transpose(2, 0, 1)
        self.head = head
        self.rest = head.at(self.basis.encode(NEUTRAL[None])[0])
        self.binding = bind(self.rest, self.groups, MODEL.mean, MODEL)
        mesh = FaceMesh(MODEL.mean, np.eye(3))
        self.rig = FaceRig(head, self.basis, NEUTRAL, mesh, self.binding)

    def shown(self, points: np.ndarray, emotional: np.ndarray = NONE) -> np.ndarray:
        """The splats ``[13, M]`` of a face."""
        conditions, poses = self.rig.poses(points[None].astype(np.float64), emotional[None])
        return self.rig.move(self.head.at(conditions[0]), poses[0])


@pytest.fixture(scope="module")
def person() -> Person:
    return Person()


def face(spoken: np.ndarray) -> np.ndarray:
    return NEUTRAL + np.tensordot(spoken, MODEL.landmark_basis, 1)


def test_splats_lie_where_they_are_bound(person):
    on = (person.binding.share[..., None] * MODEL.mean[person.binding.vertex]).sum(1)
    skin = np.flatnonzero(person.binding.fall > 0.99)
    apart = np.linalg.norm((on - person.rest[:3].T)[skin, :2], axis=1)
    assert len(skin) > 1000 and np.quantile(apart, 0.98) < 0.005


def test_lips_ride_on_their_own_side(person):
    jaw = MODEL.expression[INDEX["jawOpen"], :, 1]
    takes = (person.binding.share * jaw[person.binding.vertex]).sum(1) / jaw[MODEL.landmarks[66]]
    middle = np.abs(person.rest[0]) < 0.15
    assert takes[middle & (person.groups == Group.UPPER_LIP)].max() < 0.45
    assert takes[middle & (person.groups == Group.LOWER_LIP)].min() > 0.35


def test_only_skin_rides_and_less_of_what_is_beside_it():
    splats = np.zeros((ROWS, 5), np.float32)
    splats[POSITION] = np.array(
        [[0.3, 0, 0.1], [1.4, 0, -0.5], [0.3, 0, 0.1], [0.2, 0.5, 0], [0.2, -0.6, 0]]
    ).T
    groups = np.array([Group.SKIN, Group.REST, Group.INTERIOR, Group.BACKING, Group.BACKING])
    fall = bind(splats, groups, MODEL.mean, MODEL).fall
    assert fall[0] > 0.99 and 0 < fall[1] < 0.2 and fall[2] == 0
    assert fall[3] == 0 and fall[4] > 0.9, "backing follows the jaw and not the brows"


def test_hair_far_from_skin_stays():
    splats = np.zeros((ROWS, 3), np.float32)
    splats[POSITION] = np.array([[0, 0.6, 0.2], [0, 0.65, 0.2], [0, 0.95, 0.1]]).T
    fall = bind(splats, np.array([Group.SKIN, Group.HAIR, Group.HAIR]), MODEL.mean, MODEL).fall
    assert fall[1] > 0.8 and fall[2] < 0.1


def test_a_binding_survives_its_file(person):
    again = Binding.of_tensors(person.binding.tensors())
    np.testing.assert_array_equal(again.vertex, person.binding.vertex)
    np.testing.assert_allclose(again.fall, person.binding.fall, atol=1e-3)


def test_plain_speech_is_left_to_the_condition(person):
    said = face(weights(jawOpen=0.3, mouthFunnel=0.1))
    plain = person.head.at(person.basis.encode(said[None].astype(np.float32))[0])
    shown = person.shown(said)[:, : plain.shape[1]]
    assert np.quantile(np.abs(shown[:3] - plain[:3]), 0.99) < 0.01
    np.testing.assert_allclose(shown[COLOUR], plain[COLOUR], atol=0.03)


@pytest.mark.parametrize("label", ["happy", "angry", "surprised", "disgust"])
def test_lips_are_where_they_are_wanted(person, label):
    for openness in (0.0, 0.25):
        wanted = face(weights(jawOpen=openness) + weights(mouthSmile=0.6))
        shown = person.shown(wanted, emotion(label))[:3, :68].T
        assert np.linalg.norm(shown[MOUTH] - wanted[MOUTH], axis=1).max() < 0.01
        assert abs(mouth_openness(shown) - mouth_openness(wanted)) < 0.005


def test_brows_and_cheeks_come_from_the_emotion_alone(person):
    up = person.shown(NEUTRAL, weights(browInnerUp=1))[:3, :68].T - NEUTRAL
    down = person.shown(NEUTRAL, weights(browInnerUp=-0.6, browDown=1))[:3, :68].T - NEUTRAL
    assert up[21, 1] > 0.04 and down[21, 1] < -0.04
    cheek = np.argmax(MODEL.expression[INDEX["cheekSquintLeft"]][person.vertex, 1])
    shown = person.shown(NEUTRAL, weights(cheekSquint=1))
    assert shown[1, cheek] - person.rest[1, cheek] > 0.03


def test_a_blink_closes_the_lids(person):
    for label in ("neutral", "happy", "surprised"):
        shut = close_eyes(face(emotion(label) * 0.5)[None], np.ones(1))[0]
        shown = person.shown(shut, emotion(label) * 0.5)[:3, :68].T
        for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
            assert abs(shown[upper, 1] - shown[lower, 1]) < 0.025


def test_eyes_stay_and_step_back_behind_moved_lids(person):
    eyes = np.flatnonzero(person.groups == Group.EYES)
    still, wide = (person.shown(face(w), w) for w in (NONE, weights(eyeWide=1)))
    np.testing.assert_allclose(wide[:2, eyes], still[:2, eyes], atol=0.02)
    assert (wide[2, eyes] < still[2, eyes] - 0.01).all()


def test_what_is_added_lies_behind(person):
    shown = person.shown(face(weights(jawOpen=0.6)))
    count = person.rest.shape[1]
    added = shown[:, count:]
    assert shown.flags.c_contiguous and added.shape[1] > 200
    assert added[2].max() < NEUTRAL[36:48, 2].max()


def test_folds_are_darker(person):
    skin = person.binding.fall > 0.99
    shown = person.shown(face(emotion("disgust")), emotion("disgust"))[:, : len(skin)]
    ratio = shown[10, skin] / person.rest[10, skin]
    assert ratio.min() < 0.85 and ratio.max() < 1.12 and abs(np.median(ratio) - 1) < 0.05


def test_the_inside_of_the_mouth_follows_the_upper_lip(person):
    inside = np.flatnonzero(person.groups == Group.INTERIOR)
    raised = face(weights(jawOpen=0.3, mouthUpperUp=1.0, noseSneer=0.7))
    plain = face(weights(jawOpen=0.3))
    lifted = person.shown(raised, weights(noseSneer=0.7))[1, inside] - person.shown(plain)[1, inside]
    assert (lifted > 0.01).all()
    assert person.shown(raised)[1, inside].max() < raised[62, 1] + 0.02


def test_splats_stretch_with_the_skin_but_never_blow_up(person):
    skin = person.binding.fall > 0.99
    smile = face(emotion("happy"))
    conditions, poses = person.rig.poses(smile[None].astype(np.float64), emotion("happy")[None])
    before = person.head.at(conditions[0])
    shown = person.rig.move(before.copy(), poses[0])[:, : len(skin)]
    for axes in (slice(3, 6), slice(6, 9)):
        grown = np.linalg.norm(shown[axes, skin], axis=0) / np.linalg.norm(before[axes, skin], axis=0)
        assert np.quantile(grown, 0.95) > 1.05 and grown.max() < 1.401 and grown.min() > 0


def test_the_mouths_inside_does_not_show_on_the_cheeks(person):
    inside = np.flatnonzero(person.groups == Group.INTERIOR)
    rounded = face(weights(jawOpen=0.4) + weights(mouthPucker=1))
    conditions, poses = person.rig.poses(rounded[None], emotion("surprised")[None])
    splats = person.head.at(conditions[0])
    splats[0, inside] = [0.0, 0.3]  # in the middle; far beyond the corner
    shown = person.rig.move(splats, poses[0])[9, inside]
    assert shown[0] == pytest.approx(0.8) and shown[1] < -2


def test_the_condition_shows_the_mouth_that_the_landmarks_have(person):
    """A sneer lifts the lip; the words' lips have it already, and their condition must not take it off."""
    said = face(weights(jawOpen=0.3))[None].astype(np.float64)
    seen = person.rig.poses(said, weights(noseSneer=1)[None])[1][0].seen
    assert abs(mouth_openness(seen) - mouth_openness(said[0])) < 0.01


def test_shapes_and_lips_move_the_mesh_as_matrix_products_would():
    draw = np.random.default_rng(0)
    expression = draw.standard_normal((52, 40, 3)).astype(np.float32)
    on, weights = np.array([3, 17, 50]), draw.standard_normal(3).astype(np.float32)
    carried, carry = np.array([5, 0, 39]), draw.standard_normal((3, 20)).astype(np.float32)
    lips = draw.standard_normal((20, 3)).astype(np.float32)
    expected = np.tensordot(weights, expression[on], 1)
    expected[carried] += carry @ lips
    moved = np.full((40, 3), 9, np.float32)
    displace(expression, on, weights, carried, carry, lips, moved)
    np.testing.assert_allclose(moved, expected, atol=1e-5)
