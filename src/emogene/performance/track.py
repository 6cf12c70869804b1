"""Head motion as it was filmed: which place of an avatar's track is shown when."""

import numpy as np

from emogene.errors import EmoGeneError


def check_pose(mode: str | None) -> None:
    """EmoGeneError for what no track can be shown by; None is the motion with the voice."""
    if mode is not None:
        pose_places(mode, np.zeros(1), 2**31)


def pose_places(mode: str, time: np.ndarray, length: int) -> np.ndarray:
    """Where on a track of ``length`` frames the head is, ``[T]`` in frames of it, at ``time [T]`` in the same
    unit.

    ``static``: frame 0. ``A-B``: to and fro over frames A to B - 1. ``nearest``: in order; beyond the end,
    where the official code fails, mirrored. Whole times give whole places. Raises EmoGeneError for anything
    else or an empty range.
    """
    if mode == "static":
        return np.zeros_like(time)
    if mode == "nearest":
        return _mirrored(time, length)
    first, dash, last = mode.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        raise EmoGeneError(f"head pose {mode!r} is not 'static', 'nearest' or 'FIRST-LAST'")
    if not int(first) < int(last) <= length:
        raise EmoGeneError(f"head pose {mode!r} is not a range within the avatar's {length} frames")
    return int(first) + _mirrored(time, int(last) - int(first))


def _mirrored(time: np.ndarray, length: int) -> np.ndarray:
    """0 1 .. L-1 L-1 .. 1 0 0 1 ..: a track played to and fro, each end twice."""
    place = np.mod(time, 2 * length)
    return np.clip(np.where(place < length, place, 2 * length - 1 - place), 0, length - 1)
