"""How a speaker's head moves beyond the track of the avatar: a slow seeded sway, and nods on accents."""

from fractions import Fraction

import numpy as np
from scipy.interpolate import BSpline

from emogene.face.pose import HeadPose

PIVOT = np.array([0.0, -0.5, -0.9], np.float32)
"""Where a head turns: behind and below the face's middle, between the ears and the neck; decimetres."""
SWAY = np.radians([0.9, 1.3, 0.7])  # at most, about x (nod), y (turn) and z (tilt)
SWAY_SECONDS = 1.4  # between the sway's knots: nothing is faster than about 0.4 Hz
NOD = np.radians(1.0)  # at most
NODDED = 0.6  # share of the accents
DOWN, UP = 0.24, 0.52  # seconds; the lowest point is on the accent
STILL = 0.35  # of speed and sway: what is left in silence


def speaking_pose(
    track: HeadPose, activity: np.ndarray, accents: np.ndarray, seed: int, turn: float = 1.0
) -> HeadPose:
    """``track`` for a voice: begun anywhere, slower in silence, with sway and nods about :data:`PIVOT`.

    ``activity [T]`` in 0..1: how much the voice speaks; ``accents``: frames to nod on. T poses.
    """
    draw = np.random.default_rng([seed, 2])
    speed = STILL + (1 - STILL) * activity.astype(np.float64)
    looped = track.loop(len(activity), turn, start=draw.uniform(0, 4 * len(track)), speed=speed)
    return looped.turned(gesture(activity, accents, track.fps, seed), PIVOT)


def gesture(activity: np.ndarray, accents: np.ndarray, fps: Fraction, seed: int) -> np.ndarray:
    """Rotation vectors ``[T, 3]`` in the head frame, radians; positive x nods. The same for the same seed."""
    draw = np.random.default_rng([seed, 0])
    strength = (STILL + (1 - STILL) * activity)[:, None]
    rotation = strength * _sway(len(activity), fps, np.random.default_rng([seed, 1])) * SWAY
    time = np.arange(len(activity)) / float(fps)
    for accent in accents / float(fps):
        nods, depth = draw.random() < NODDED, draw.uniform(0.35, 1)
        if nods:
            near = slice(*np.searchsorted(time, (accent - DOWN, accent + UP)))
            rotation[near, 0] += NOD * depth * _nod(time[near] - accent)
    return rotation


def _sway(frames: int, fps: Fraction, draw: np.random.Generator) -> np.ndarray:
    """``[frames, 3]`` in -1..1, twice continuously differentiable: a cubic B-spline of random knots."""
    position = np.arange(frames) / (float(fps) * SWAY_SECONDS)
    count = int(frames / (float(fps) * SWAY_SECONDS)) + 5
    return BSpline(np.arange(-3, count + 1), draw.uniform(-1, 1, (count, 3)), 3)(position)


def _nod(since: np.ndarray) -> np.ndarray:
    """Depth 0..1 at ``since`` seconds after the accent: down and up again, at rest at both ends."""
    share = np.where(since < 0, 1 + since / DOWN, 1 - since / UP)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))
