from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.errors import EmoGeneError
from emogene.face.landmarks import MOUTH
from emogene.mixture.lle import EVERY_PART, affine_weights, nearest, project, project_parts

FULL = Path(__file__).parents[3] / "shared" / "official" / "fixtures" / "lle.npz"
RIDGES = {"genefacepp": 0.0, "emogene": 1e-6}


@pytest.mark.parametrize("code", RIDGES)
def test_official_numbers(recorded, code):
    query, database = recorded["lle_query"], recorded["lle_db"]
    found = nearest(query, database)
    np.testing.assert_array_equal(found, recorded["lle_knn"])
    weights = affine_weights(query.astype(float), database[found].astype(float), RIDGES[code])
    np.testing.assert_allclose(weights, recorded[f"lle_weights_{code}"], atol=1e-4)
    np.testing.assert_allclose(
        project(query, database, ridge=RIDGES[code]), recorded[f"lle_fuse_{code}"], atol=1e-3
    )
    small = project(recorded["lle_query2"], 0.05 * database, ridge=RIDGES[code])
    np.testing.assert_allclose(small, recorded[f"lle_fuse2_{code}"], atol=1e-4)


@pytest.mark.skipif(not FULL.exists(), reason="the full recordings are not here")
@pytest.mark.parametrize("code", RIDGES)
def test_every_recorded_number(code):
    full = np.load(FULL)
    np.testing.assert_array_equal(nearest(full["query"], full["db"]), full["knn"])
    ours = project(full["query"], full["db"], ridge=RIDGES[code])
    np.testing.assert_allclose(ours, full[f"fuse_{code}"], atol=1e-3)
    np.testing.assert_allclose(np.abs(full["query"] - ours).mean(1), full["err"], atol=1e-3)


@given(seed=st.integers(0, 10_000), frames=st.integers(0, 5), ridge=st.sampled_from([0.0, 1e-6]))
@settings(max_examples=30, deadline=None)
def test_weights_are_affine_and_the_database_projects_to_itself(seed, frames, ridge):
    rng = np.random.default_rng(seed)
    database = rng.normal(size=(40, 12))
    query = rng.normal(size=(frames, 12))
    weights = affine_weights(query, database[nearest(query, database)], ridge)
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(
        project(database[:frames], database, ridge=ridge), database[:frames], atol=1e-6
    )


def test_projection_is_the_nearest_point_of_the_neighbours_plane():
    rng = np.random.default_rng(1)
    database, query = rng.normal(size=(50, 30)), rng.normal(size=(7, 30))
    neighbours = database[nearest(query, database)]
    residual = query - project(query, database, ridge=0)
    directions = neighbours[:, 1:] - neighbours[:, :1]
    np.testing.assert_allclose(np.einsum("td,tkd->tk", residual, directions), 0, atol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 1e-6])
@pytest.mark.parametrize("frames", [1, 3])
def test_duplicated_neighbours(ridge, frames):
    rng = np.random.default_rng(2)
    database = np.repeat(rng.normal(size=(4, 9)), 10, axis=0)
    query = database[:frames] + 0.01
    projected = project(query, database, ridge=ridge)
    assert np.isfinite(projected).all()
    np.testing.assert_allclose(projected, database[:frames], atol=1e-6)


def test_distances_in_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(3)
    database, query = rng.normal(size=(50, 6)), rng.normal(size=(33, 6))
    whole = nearest(query, database)
    monkeypatch.setattr("emogene.mixture.lle._PAIRS_AT_ONCE", 100)
    np.testing.assert_array_equal(nearest(query, database), whole)


def test_small_database_is_a_clear_error():
    with pytest.raises(EmoGeneError, match="9 faces"):
        project(np.zeros((2, 3)), np.zeros((9, 3)))


def test_parts_are_independent():
    rng = np.random.default_rng(4)
    database, faces = rng.normal(size=(30, 68, 3)), rng.normal(size=(5, 68, 3))
    other = faces.copy()
    other[:, MOUTH] += 1
    a, b = project_parts(faces, database, EVERY_PART), project_parts(other, database, EVERY_PART)
    np.testing.assert_array_equal(a[:, : MOUTH.start], b[:, : MOUTH.start])
    assert not np.allclose(a[:, MOUTH], b[:, MOUTH])
    only_mouth = project_parts(faces, database, (MOUTH,))
    np.testing.assert_array_equal(only_mouth[:, : MOUTH.start], faces[:, : MOUTH.start])
