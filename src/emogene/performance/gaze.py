"""Where the eyes look: at the viewer, whatever the head does, with the small jumps of eyes that fixate."""

from fractions import Fraction

import numpy as np

from emogene import seeded

SLOT = 0.9  # seconds; one jump in each
WANDER = np.radians([1.6, 0.8])  # standard deviation of the places looked at, sideways and up
MOST = 2.5  # standard deviations
JUMP = 0.05  # seconds that a saccade takes
HELD = 0.9  # share of the head's turn that the eyes make up for


def gaze(first: int, stop: int, fps: Fraction, seed: int, turned: np.ndarray) -> np.ndarray:
    """Directions ``[stop - first, 2]`` float32 in the head frame, radians: to the viewer's right, and up.

    ``turned [stop - first, 3]``: how the head is turned beside the avatar's own track (rotation vectors,
    radians). The same for the same seed, and in time at every rate.
    """
    time = np.arange(first, stop) / float(fps)
    slot = (time / SLOT).astype(int)
    low = max(int(slot[0]) - 1, 0) if len(slot) else 0
    count = int(slot[-1]) + 1 if len(slot) else 1
    places = np.clip(seeded.normal((seed, 3), low, count, 2), -MOST, MOST) * WANDER
    moment = SLOT * (0.5 + 0.4 * seeded.uniform((seed, 4), low, count)[:, 0])
    here, before = slot - low, np.maximum(slot - low - 1, 0)
    share = np.clip((time - slot * SLOT - moment[here]) / JUMP, 0, 1)[:, None]
    share = share * share * (3 - 2 * share)
    looking = places[before] * (1 - share) + places[here] * share
    counter = HELD * np.stack([-turned[:, 1], turned[:, 0]], axis=1)
    return (looking + counter).astype(np.float32)
