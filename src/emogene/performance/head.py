"""How a speaker's head moves: as in the avatar's video, with a slow seeded sway and nods on accents."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from emogene import seeded
from emogene.clock import SPEECH_FPS
from emogene.face.pose import HeadPose

PIVOT = np.array([0.0, -0.5, -0.9], np.float32)
"""Where a head turns: behind and below the face's middle, between the ears and the neck; decimetres."""
SWAY = np.radians([0.9, 1.3, 0.7])  # at most, about x (nod), y (turn) and z (tilt)
SWAY_SECONDS = 1.4  # between the sway's knots: nothing is faster than about 0.4 Hz
NOD = np.radians(1.0)  # at most
NODDED = 0.6  # share of the accents
DOWN, UP = 0.24, 0.52  # seconds; the lowest point is on the accent
STILL = 0.35  # of speed and sway: what is left in silence


class SpeakingHead:
    """The head of somebody who speaks: the avatar's track, begun anywhere and slower in silence, with sway
    and nods about :data:`PIVOT`. Frame t is at t/fps seconds; another rate shows the same motion."""

    def __init__(self, track: HeadPose, fps: Fraction, seed: int) -> None:
        self._track, self._fps, self._seed = track, fps, seed
        self._place = float(np.random.default_rng([seed, 2]).uniform(0, 4 * len(track)))  # on the track
        self._nods: list[tuple[float, float]] = []  # seconds and depth, of accents that frames may still see
        self._row = 0  # of 50 Hz, the first in self._activity
        self._activity = np.zeros(0, np.float32)
        self._places = np.zeros(0)
        self._frame = 0

    def push(
        self, activity: np.ndarray, accents: Sequence[float] | np.ndarray, stop: int
    ) -> tuple[HeadPose, np.ndarray]:
        """The poses of the frames up to ``stop``, and how far they are turned from the track's (rotation
        vectors ``[T, 3]``, radians), after the next ``activity [n]`` at 50 Hz (0..1: how much the voice
        speaks) and accents (seconds). Frames need the accents up to DOWN seconds after them.
        """
        self._nods += [nod for second in accents if (nod := self._nod(second)) is not None]
        self._extend(activity)
        if stop <= self._frame:
            return self._track[np.zeros(0, int)], np.zeros((0, 3))
        frames = np.arange(self._frame, stop)
        time = frames / float(self._fps)
        row = np.clip(time * float(SPEECH_FPS) - self._row, 0, max(len(self._activity) - 1, 0))
        known = np.arange(len(self._activity))
        place, strength = (np.interp(row, known, rows) for rows in (self._places, self._activity))
        turned = self._gesture(time, STILL + (1 - STILL) * strength)
        pose = self._track.to_and_fro(place).turned(turned, PIVOT)
        self._frame = stop
        self._forget()
        return HeadPose(pose.rotation, pose.translation, self._fps), turned

    def _gesture(self, time: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Rotation vectors ``[T, 3]`` in the head frame, radians; positive x nods."""
        rotation = strength[:, None] * _sway(time, self._seed) * SWAY
        for accent, depth in self._nods:
            rotation[:, 0] += NOD * depth * _nod(time - accent)
        return rotation

    def _extend(self, activity: np.ndarray) -> None:
        speed = (STILL + (1 - STILL) * activity.astype(np.float64)) * float(self._track.fps / SPEECH_FPS)
        places = self._place + np.concatenate([[0.0], np.cumsum(speed)])
        self._activity = np.concatenate([self._activity, activity])
        self._places = np.concatenate([self._places, places[:-1]])
        self._place = float(places[-1])

    def _nod(self, second: float) -> tuple[float, float] | None:
        """Whether and how deep to nod on an accent is up to its place in time alone."""
        draw = np.random.default_rng([self._seed, 0, round(second * float(SPEECH_FPS))])
        nods, depth = draw.random() < NODDED, draw.uniform(0.35, 1)
        return (second, depth) if nods else None

    def _forget(self) -> None:
        now = self._frame / float(self._fps)
        self._nods = [(second, depth) for second, depth in self._nods if second + UP > now]
        over = max(0, min(int(now * float(SPEECH_FPS)) - 1 - self._row, len(self._activity) - 2))
        self._activity, self._places = self._activity[over:], self._places[over:]
        self._row += over


def _sway(time: np.ndarray, seed: int) -> np.ndarray:
    """``[T, 3]`` in -1..1, twice continuously differentiable: a cubic B-spline of random knots."""
    if len(time) == 0:
        return np.zeros((0, 3))
    position = time / SWAY_SECONDS
    before = position.astype(int)
    knots = seeded.uniform((seed, 1), before[0], before[-1] + 5, 3)
    nearest = knots[(before - before[0])[:, None] + np.arange(4)]
    u = position - before
    bumps = (1 - u) ** 3, 4 - 6 * u**2 + 3 * u**3, 1 + 3 * u + 3 * u**2 - 3 * u**3, u**3
    return np.einsum("kt,tkc->tc", np.stack(bumps) / 6, nearest)


def _nod(since: np.ndarray) -> np.ndarray:
    """Depth 0..1 at ``since`` seconds after the accent: down and up again, at rest at both ends."""
    share = np.where(since < 0, 1 + since / DOWN, 1 - since / UP)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))
