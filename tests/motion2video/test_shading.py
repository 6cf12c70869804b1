import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse import eye as identity

from emogene.emotalk.emotion import LABELS
from emogene.emotalk.expressions import table
from emogene.face.arkit import INDEX
from emogene.face.head import HeadModel, normals
from emogene.motion2video.shading import Shading, estimated_light, harmonics, linear

MODEL = HeadModel.embedded()
LIGHT = np.array([1, -0.2, 0.3, 0.15, 0, 0, 0, 0.05, 0])
SKIN = MODEL.triangles("face", "head_neck")
REACH = MODEL.parts["head_neck"].stop
SHADING = Shading.of(MODEL.mean[:REACH], MODEL.expression[:, :REACH], SKIN[(SKIN < REACH).all(1)], LIGHT)


def emotion(label: str) -> np.ndarray:
    return table()[LABELS.index(label)]


def test_a_resting_face_is_as_bright_as_it_was():
    np.testing.assert_allclose(SHADING(np.zeros(52)), 0, atol=1e-6)


def test_the_kernel_agrees_with_numpy():
    for label in LABELS[2:]:
        fast, slow = (SHADING(emotion(label), backend) for backend in ("numba", "numpy"))
        np.testing.assert_allclose(fast, slow, atol=2e-5)


def smoothing(triangles: np.ndarray, count: int) -> csr_matrix:
    """``[V, V]``: a vertex and the mean of its neighbours, half each."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    near = coo_matrix((np.ones(len(edges)), edges.T), (count, count)).tocsr()
    near.data[:] = 1
    degree = np.maximum(np.asarray(near.sum(1)).ravel(), 1)
    return csr_matrix(0.5 * identity(count) + 0.5 * diags(1 / degree) @ near)


def test_normals_and_folds_are_those_of_sparse_matrices():
    mean, skin = MODEL.mean[:REACH].astype(float), SKIN[(SKIN < REACH).all(1)]
    neighbours = smoothing(skin, REACH)

    def sunk(vertices: np.ndarray, normal: np.ndarray) -> np.ndarray:
        smooth = vertices
        for _ in range(8):
            smooth = neighbours @ smooth
        return ((smooth - vertices) * normal).sum(1)

    flat = normals(mean, skin)
    np.testing.assert_allclose(SHADING.normal, flat, atol=1e-5)
    for name in ("jawOpen", "browDownLeft", "noseSneerRight", "tongueOut"):
        shape = INDEX[name]
        posed = mean + MODEL.expression[shape, :REACH]
        turned = normals(posed, skin)
        np.testing.assert_allclose(SHADING.turning[shape], neighbours @ (turned - flat), atol=2e-5)
        deeper = 100 * (sunk(posed, turned) - sunk(mean, flat))
        np.testing.assert_allclose(SHADING.sinking[shape], neighbours @ deeper, atol=1e-4)


def test_a_smile_folds_the_skin_beside_the_mouth_and_a_sneer_beside_the_nose():
    def darkest(label: str, low: np.ndarray, high: np.ndarray) -> float:
        place = MODEL.mean[:REACH]
        here = ((place > low) & (place < high)).all(1) & (SHADING.normal[:, 2] > 0.3)
        return float(SHADING(emotion(label))[here].min())

    corner, wing = MODEL.mean[MODEL.landmarks[54]], MODEL.mean[MODEL.landmarks[35]]
    assert darkest("happy", corner - [0.05, 0.05, 1], corner + np.array([0.25, 0.3, 1])) < -0.15
    assert darkest("disgust", wing - [0.1, 0.1, 1], wing + np.array([0.2, 0.3, 1])) < -0.15


def test_nothing_gets_glaring_or_black():
    for label in LABELS:
        ratio = np.exp(SHADING(1.5 * emotion(label)))
        assert ratio.max() <= 1.1201 and ratio.min() >= 0.4999


def test_normals_are_nearly_linear_in_the_weights():
    both = np.zeros(52)
    both[[INDEX["browInnerUp"], INDEX["mouthSmileLeft"], INDEX["cheekSquintLeft"]]] = 0.7
    posed = MODEL.vertices(np.zeros(0), both)
    true = normals(posed, SKIN)[:REACH]
    on = np.flatnonzero(both)
    guess = SHADING.normal + np.tensordot(both[on], SHADING.turning[on], 1)
    guess /= np.linalg.norm(guess, axis=1, keepdims=True) + 1e-9
    seen = SHADING.normal[:, 2] > 0.3
    off = np.degrees(np.arccos(np.clip((true * guess).sum(1)[seen], -1, 1)))
    turned = np.degrees(np.arccos(np.clip((true * SHADING.normal).sum(1)[seen], -1, 1)))
    assert np.sqrt((off**2).mean()) < 0.5 * np.sqrt((turned**2).mean())


def test_the_light_is_found_on_the_skin_despite_moles():
    draw = np.random.default_rng(0)
    normal = draw.normal(0, 1, (3000, 3)) * [1, 1, 0.3] + [0, 0, 1]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    bright = 0.3 * np.maximum(harmonics(normal) @ LIGHT, 0.05)
    bright[:200] *= 0.3
    colour = np.repeat(1.055 * bright[:, None] ** (1 / 2.4) - 0.055, 3, 1)
    found = estimated_light(normal, colour)
    assert found[0] == 1 and np.abs(found[1:3] - LIGHT[1:3]).max() < 0.1
    shown, true = harmonics(normal[200:]) @ found, harmonics(normal[200:]) @ LIGHT
    assert np.corrcoef(shown, true)[0, 1] > 0.98


def test_linear_light_of_srgb():
    np.testing.assert_allclose(linear(np.array([0.0, 0.5, 1.0])), [0, 0.21404, 1], atol=1e-4)


def test_chosen_vertices_are_shaded_alike():
    some = np.array([5, 900, 4000])
    np.testing.assert_allclose(
        SHADING.chosen(some)(emotion("happy")), SHADING(emotion("happy"))[some], atol=1e-6
    )
