from pathlib import Path

import numpy as np
import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="session")
def recorded() -> dict[str, np.ndarray]:
    """Numbers recorded from the official code (a subset)."""
    return dict(np.load(FIXTURES / "mixture.npz"))
