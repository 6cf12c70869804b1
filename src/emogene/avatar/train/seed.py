"""Networks whose first weights depend on a seed and on nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What PyTorch draws in here, on the CPU, follows from ``seed``; the caller's random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
