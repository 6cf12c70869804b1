import numpy as np
import pytest
from scipy.io import savemat

from emogene.errors import EmoGeneError
from emogene.face.landmarks import MEDIAPIPE_68
from emogene.reference.bfm import INDEX_FILE, MODEL_FILE, load_bfm
from emogene.reference.face_model import LinearFaceModel

VERTICES = 600


@pytest.fixture
def model() -> LinearFaceModel:
    mean, people, expressions = (
        np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        for seed, shape in enumerate(((68, 3), (5, 68, 3), (7, 68, 3)))
    )
    return LinearFaceModel(mean, people, expressions)


def test_zero_coefficients_are_the_mean_face(model):
    points = model.landmarks(np.zeros(5), np.zeros((3, 7)))
    np.testing.assert_array_equal(points, np.repeat(model.mean[None], 3, 0))
    assert points.dtype == np.float32


def test_a_coefficient_adds_its_shape(model):
    person, motion = np.eye(5)[2], np.eye(7)[[1, 4]]
    expected = 2 * model.identity_basis[2] - 3 * model.expression_basis[[1, 4]]
    np.testing.assert_allclose(model.displacement(2 * person, -3 * motion), expected, atol=1e-6)


def test_identity_may_be_one_or_per_frame(model):
    draw = np.random.default_rng(0)
    person, motion = draw.normal(size=5), draw.normal(size=(4, 7))
    one, each = (model.landmarks(who, motion) for who in (person, np.repeat(person[None], 4, 0)))
    np.testing.assert_allclose(one, each, atol=1e-5)


@pytest.fixture
def bfm(tmp_path):
    draw = np.random.default_rng(2)
    arrays = {
        "meanshape": draw.normal(size=(1, 3 * VERTICES)).astype(np.float32),
        "idBase": draw.normal(size=(3 * VERTICES, 80)).astype(np.float32),
        "exBase": draw.normal(size=(3 * VERTICES, 64)).astype(np.float32),
    }
    index = draw.integers(0, VERTICES, 468)
    index[[93, 127]] = -1
    savemat(tmp_path / MODEL_FILE, arrays)
    np.save(tmp_path / INDEX_FILE, index)
    return tmp_path, arrays, index


def test_basel_face_model_is_the_same_interface(bfm):
    folder, arrays, index = bfm
    draw = np.random.default_rng(3)
    person, motion = draw.normal(size=80), draw.normal(size=(2, 64))
    vertices = (arrays["idBase"] @ person + motion @ arrays["exBase"].T).reshape(2, VERTICES, 3)
    mean = arrays["meanshape"].reshape(-1, 3)
    expected = (vertices + mean - mean.mean(0))[:, np.maximum(index, 0)][:, list(MEDIAPIPE_68)]
    np.testing.assert_allclose(load_bfm(folder).landmarks(person, motion), expected, atol=1e-4)


def test_unmatched_points_take_vertex_zero(bfm):
    folder, arrays, _ = bfm
    mean = arrays["meanshape"].reshape(-1, 3)
    np.testing.assert_allclose(load_bfm(folder).mean[0], mean[0] - mean.mean(0), atol=1e-5)


class Hostile:
    def __reduce__(self):
        return (print, ("executed",))


def spoil(folder, arrays, index, how):
    model, points = folder / MODEL_FILE, folder / INDEX_FILE
    match how:
        case "no model":
            model.unlink()
        case "no index":
            points.unlink()
        case "truncated model":
            model.write_bytes(model.read_bytes()[:5000])
        case "not matlab":
            model.write_text("hello")
        case "empty":
            model.write_bytes(b"")
        case "another model":
            savemat(model, {"weights": arrays["meanshape"]})
        case "wrong shape":
            savemat(model, arrays | {"exBase": arrays["exBase"][:, :10]})
        case "not finite":
            savemat(model, arrays | {"meanshape": arrays["meanshape"] * np.nan})
        case "pickle":
            np.save(points, np.array([Hostile()] * 468, object), allow_pickle=True)
        case "short index":
            np.save(points, index[:100])
        case "index too large":
            np.save(points, index + VERTICES)
        case "truncated index":
            points.write_bytes(points.read_bytes()[:200])


DAMAGE = (
    *("no model", "truncated model", "not matlab", "empty", "another model", "wrong shape", "not finite"),
    *("no index", "pickle", "short index", "index too large", "truncated index"),
)


@pytest.mark.parametrize("how", DAMAGE)
def test_wrong_files_are_refused_in_one_line(bfm, capsys, how):
    folder, arrays, index = bfm
    spoil(folder, arrays, index, how)
    with pytest.raises(EmoGeneError) as error:
        load_bfm(folder)
    assert "\n" not in str(error.value)
    assert "executed" not in capsys.readouterr().out
