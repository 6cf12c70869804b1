"""What passes from a mixture to the performance."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Mixed:
    """T frames at 25 fps, float32. Faces ``[T, 68, 3]`` in canonical space, decimetres: lips and emotion as
    one face, the ``lips`` alone as this mixture shows them, the ``emotion`` branch's face alone.
    ``weights [T, 52]``: ARKit, of the emotion as it is shown, speech having its share of the mouth;
    ``free [T]``: how far the mouth is the emotion's alone, 1 in pauses and 0 in speech."""

    mixed: np.ndarray
    lips: np.ndarray
    emotion: np.ndarray
    weights: np.ndarray
    free: np.ndarray

    @classmethod
    def of(cls, *parts: np.ndarray | None) -> Self | None:
        """In this order; None where there is nothing."""
        mixed, lips, emotion, weights, free = parts
        if mixed is None or lips is None or emotion is None or weights is None or free is None:
            return None
        return cls(mixed, lips, emotion, weights, free)
