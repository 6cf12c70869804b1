from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene import seeded


@pytest.mark.parametrize("draw", [seeded.uniform, seeded.normal])
@given(first=st.integers(0, 300), rows=st.integers(0, 200), width=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_a_row_is_the_same_wherever_one_starts_to_read(
    draw: Callable, first: int, rows: int, width: int
) -> None:
    part = draw((7, 1), first, first + rows, width)
    assert part.shape == (rows, width)
    np.testing.assert_array_equal(part, draw((7, 1), 0, 500, width)[first : first + rows])


@pytest.mark.parametrize("draw", [seeded.uniform, seeded.normal])
def test_every_part_of_the_key_counts(draw: Callable) -> None:
    rows = [draw(key, 0, 50)[:, 0] for key in ((0, 0), (0, 1), (1, 0), (5, 3))]
    for i, one in enumerate(rows):
        for other in rows[:i]:
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.5


@pytest.mark.parametrize("draw", [seeded.uniform, seeded.normal])
def test_no_row_comes_twice(draw: Callable) -> None:
    found = draw((3,), 0, 1000)
    assert len(np.unique(found)) == 1000


def test_their_distributions() -> None:
    uniform, normal = seeded.uniform((1,), 0, 20_000), seeded.normal((1,), 0, 20_000)
    assert -1 <= uniform.min() < -0.99 and 0.99 < uniform.max() <= 1
    assert abs(uniform.mean()) < 0.02 and uniform.std() == pytest.approx(1 / 3**0.5, rel=0.02)
    assert abs(normal.mean()) < 0.03 and normal.std() == pytest.approx(1, rel=0.03)


def test_the_callers_random_state_stays() -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    seeded.normal((1,), 0, 10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]
