"""The head's position and orientation over time: applying, smoothing and looping it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from emogene.clock import VIDEO_FPS
from emogene.face.rotation import from_vector, to_vector
from emogene.smooth import gaussian


@dataclass(frozen=True)
class HeadPose:
    """Head to camera, ``p_camera = R p + t``: ``rotation [T, 3, 3]`` and ``translation [T, 3]``, float32.

    Decimetres; the axes of both frames are those of :mod:`emogene.face.camera`.
    """

    rotation: np.ndarray
    translation: np.ndarray
    fps: Fraction = VIDEO_FPS
    source: np.ndarray | None = None
    """Which frame of an avatar's video each pose is that of, int ``[T]``; None for any other pose."""

    def __post_init__(self) -> None:
        frames = len(self.rotation)
        if self.rotation.shape != (frames, 3, 3) or self.translation.shape != (frames, 3):
            raise ValueError(f"a pose of shapes {self.rotation.shape} and {self.translation.shape}")
        if self.source is not None and self.source.shape != (frames,):
            raise ValueError(f"{frames} poses of {len(self.source)} frames of a video")

    def __len__(self) -> int:
        return len(self.rotation)

    def __getitem__(self, frames: slice | np.ndarray) -> "HeadPose":
        source = None if self.source is None else self.source[frames]
        return HeadPose(self.rotation[frames], self.translation[frames], self.fps, source)

    @classmethod
    def join(cls, pieces: Sequence["HeadPose"]) -> "HeadPose":
        """Stretches that follow each other as one. ValueError for none, or where rates differ."""
        if len({piece.fps for piece in pieces}) != 1:
            raise ValueError("poses of different rates, or none, cannot be joined")
        sources = [piece.source for piece in pieces if piece.source is not None]
        return cls(
            np.concatenate([piece.rotation for piece in pieces]),
            np.concatenate([piece.translation for piece in pieces]),
            pieces[0].fps,
            np.concatenate(sources) if len(sources) == len(pieces) else None,
        )

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Head frame to camera frame: ``[T, P, 3] -> [T, P, 3]``, or one shape ``[P, 3]`` in every pose."""
        return points @ self.rotation.swapaxes(1, 2) + self.translation[:, None]

    def to_head(self, points: np.ndarray) -> np.ndarray:
        """Camera frame to head frame, ``[T, P, 3] -> [T, P, 3]``."""
        return (points - self.translation[:, None]) @ self.rotation

    def smooth(self, sigma: float) -> "HeadPose":
        """Gaussian smoothing over time, ``sigma`` in frames; the ends are held. One continuous clip only."""
        if sigma <= 0 or len(self) < 2:
            return self
        return self._filter(lambda track: gaussian(track, sigma))

    def at(self, position: np.ndarray) -> "HeadPose":
        """The pose at ``position [T]``, in frames from 0 to the last; between two, the shortest turn."""
        last = len(self) - 1
        left = np.clip(position.astype(int), 0, max(last - 1, 0))
        right = np.minimum(left + 1, last)
        share = position - left
        here, there = self.rotation[left], self.rotation[right]
        turned = from_vector(to_vector(there @ here.swapaxes(1, 2)) * share[:, None]) @ here
        moved = self.translation[left] * (1 - share[:, None]) + self.translation[right] * share[:, None]
        return HeadPose(turned.astype(np.float32), moved.astype(np.float32), self.fps)

    def to_and_fro(self, time: np.ndarray, turn: float = 1.0) -> "HeadPose":
        """This track played forwards and backwards in turn, at ``time [T]`` in frames of it since its start.

        The playing speed goes smoothly from +1 to -1 within ``turn`` seconds before and after each end, so
        that neither position nor velocity jumps.
        """
        last = len(self) - 1
        if last < 1:
            return self[np.zeros(len(time), int)]
        return self.at(_bounce(time, last, min(turn * float(self.fps), last / 2)))

    def turned(self, rotation: np.ndarray, pivot: np.ndarray) -> "HeadPose":
        """With the head turned first, by ``rotation [T, 3]`` (vectors, radians) about ``pivot [3]``, both in
        the head frame."""
        turn = from_vector(rotation)
        moved = np.einsum("tij,tj->ti", self.rotation, pivot - turn @ pivot)
        rotation, translation = self.rotation @ turn, self.translation + moved
        return HeadPose(rotation.astype(np.float32), translation.astype(np.float32), self.fps)

    def _filter(self, over_time) -> "HeadPose":
        from scipy.spatial.transform import Rotation  # a quarter of a second, for training alone

        rotation = Rotation.from_matrix(self.rotation)
        middle = rotation.mean()
        offsets = over_time((middle.inv() * rotation).as_rotvec())
        smoothed = (middle * Rotation.from_rotvec(offsets)).as_matrix()
        translation = over_time(self.translation.astype(np.float64))
        return HeadPose(smoothed.astype(np.float32), translation.astype(np.float32), self.fps)


def _bounce(time: np.ndarray, last: float, turn: float) -> np.ndarray:
    """Position on a track [0, last] that runs to and fro, turning round within ``turn`` frames at each end.

    A triangle wave whose corners are replaced by parabolas: unit speed except within ``turn`` of a corner.
    It starts on the first frame, in the middle of a turn.
    """
    one_way = last + turn  # a turn takes twice as long as passing the same stretch at unit speed
    phase = np.mod(time, 2 * one_way)
    phase = np.minimum(phase, 2 * one_way - phase)
    leaving = phase**2 / (2 * turn)
    arriving = last - (one_way - phase) ** 2 / (2 * turn)
    return np.where(phase < turn, leaving, np.where(phase > last, arriving, phase - turn / 2))
