"""The head follows the track of an avatar's own video: which of its frames is shown when."""

import numpy as np

from emogene.errors import EmoGeneError


def pose_frames(mode: str, frames: int, length: int, start: int = 0) -> np.ndarray:
    """Which of a track's ``length`` poses each of ``frames`` has: int ``[frames]``.

    ``static``: the first. ``a-b``: to and fro over a..b-1. ``nearest``: in order; beyond the end, where the
    official code fails, mirrored. ``start``: the frame of the clip that is the first here. Raises
    EmoGeneError for anything else or an empty range.
    """
    if mode == "static":
        return np.zeros(frames, int)
    if mode == "nearest":
        return mirror_index(frames, length, start)
    first, dash, last = mode.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        raise EmoGeneError(f"head pose {mode!r} is not 'static', 'nearest' or 'FIRST-LAST'")
    if not int(first) < int(last) <= length:
        raise EmoGeneError(f"head pose {mode!r} is not a range within the avatar's {length} frames")
    return int(first) + mirror_index(frames, int(last) - int(first), start)


def mirror_index(frames: int, length: int, start: int = 0) -> np.ndarray:
    """0 1 .. L-1 L-1 .. 1 0 0 1 ..: a track of ``length`` played to and fro, from ``start``: ``[frames]``."""
    turn, index = np.divmod(np.arange(start, start + frames), length)
    return np.where(turn % 2 == 1, length - 1 - index, index)
