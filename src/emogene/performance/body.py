"""What a face does beside what the voice says: it blinks, looks, and turns."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from emogene.clock import SPEECH_FPS, frame_count
from emogene.face.pose import HeadPose
from emogene.performance.blink import Blinks, close_eyes
from emogene.performance.gaze import gaze
from emogene.performance.head import DOWN, SpeakingHead
from emogene.performance.track import pose_places


@dataclass(frozen=True)
class BodyMotion:
    """T frames: how closed the eyes are ``[T]``, where they look ``[T, 2]`` (radians), how the head is."""

    blink: np.ndarray
    gaze: np.ndarray
    head: HeadPose


class BodyStream(Protocol):
    """One recording at work."""

    def push(
        self,
        activity: np.ndarray | None,
        accents: np.ndarray | None,
        phrase_ends: np.ndarray | None,
        end: Fraction | None = None,
    ) -> BodyMotion | None:
        """The motion that is settled after the next rows, at 50 Hz, of what :class:`Rhythm` says."""
        ...

    def close_eyes(self, points: np.ndarray, blink: np.ndarray) -> np.ndarray:
        """``points [T, 68, 3]`` with the eyes as closed as ``blink [T]``; as they are where the avatar's
        renderer closes them by the blink itself."""
        ...


class Person(Protocol):
    """What a body is moved by: an avatar's own head motion, and its own blinks if it has a rule for them."""

    @property
    def pose(self) -> HeadPose: ...

    def blink(self, frames: int, start: int = 0) -> np.ndarray | None: ...


def body_of(person: Person, fps: Fraction, seed: int, pose: str | None = None) -> BodyStream:
    """How ``person`` moves: as filmed where only filmed poses can be shown, else freely. ``pose`` as
    :func:`pose_places` reads it; EmoGeneError where it cannot."""
    if pose is not None:
        pose_places(pose, np.zeros(1), len(person.pose))
    if person.pose.source is not None:
        return FilmedBody(person, fps, pose or "nearest")
    return Body(person.pose, fps, seed, pose)


class Body:
    """Natural blinks, eyes on the viewer, and the head of the avatar's video: swaying and nodding with the
    voice, or, with a ``pose``, moving as :func:`pose_places` says and no more."""

    def __init__(self, track: HeadPose, fps: Fraction, seed: int, pose: str | None = None) -> None:
        self._track, self._fps, self._seed, self._pose = track, fps, seed, pose
        self._blinks, self._head = Blinks(fps, seed), SpeakingHead(track, fps, seed)
        self._rows = self._frame = 0

    def push(
        self,
        activity: np.ndarray | None,
        accents: np.ndarray | None,
        phrase_ends: np.ndarray | None,
        end: Fraction | None = None,
    ) -> BodyMotion | None:
        """See :class:`BodyStream`."""
        if activity is None or accents is None or phrase_ends is None:
            activity, accents, phrase_ends = np.zeros(0, np.float32), np.zeros(0, bool), np.zeros(0, bool)
        first, self._rows = self._rows, self._rows + len(activity)
        known = (self._rows - 1) / float(SPEECH_FPS) if end is None else float(end)
        settled = (known - DOWN) * float(self._fps)
        stop = max(self._frame, int(settled)) if end is None else frame_count(end, self._fps)
        seconds = (first + np.arange(len(activity))) / float(SPEECH_FPS)
        blink = self._blinks.push(seconds[phrase_ends], known, stop)
        head, turned = self._head.push(activity, seconds[accents], stop)
        start, self._frame = self._frame, stop
        if start == stop:
            return None
        if self._pose is not None:
            head, turned = self._filmed(self._pose, start, stop), np.zeros((stop - start, 3))
        return BodyMotion(blink, gaze(start, stop, self._fps, self._seed, turned), head)

    def close_eyes(self, points: np.ndarray, blink: np.ndarray) -> np.ndarray:
        """See :class:`BodyStream`."""
        return close_eyes(points, blink)

    def _filmed(self, pose: str, start: int, stop: int) -> HeadPose:
        time = np.arange(start, stop) * float(self._track.fps / self._fps)
        shown = self._track.at(pose_places(pose, time, len(self._track)))
        return HeadPose(shown.rotation, shown.translation, self._fps)


class FilmedBody:
    """Head poses that were filmed and no others, and the avatar's own blinks, which its renderer shows: the
    reference system's rules, whatever the voice and the seed."""

    def __init__(self, person: Person, fps: Fraction, pose: str) -> None:
        self._person, self._fps, self._pose = person, fps, pose
        self._rows = self._frame = 0

    def push(
        self,
        activity: np.ndarray | None,
        accents: np.ndarray | None,
        phrase_ends: np.ndarray | None,
        end: Fraction | None = None,
    ) -> BodyMotion | None:
        """See :class:`BodyStream`."""
        self._rows += 0 if activity is None else len(activity)
        heard = Fraction(max(self._rows - 1, 0)) / SPEECH_FPS if end is None else end
        start, self._frame = self._frame, max(self._frame, frame_count(heard, self._fps))
        if start == self._frame:
            return None
        track = self._person.pose
        time = (np.arange(start, self._frame) * float(track.fps / self._fps) + 1e-6).astype(int)
        shown = track[pose_places(self._pose, time, len(track))]
        head = HeadPose(shown.rotation, shown.translation, self._fps, shown.source)
        own = self._person.blink(int(time[-1] - time[0]) + 1, int(time[0]))
        blink = np.zeros(len(time), np.float32) if own is None else own[time - time[0]]
        return BodyMotion(blink, np.zeros((len(time), 2), np.float32), head)

    def close_eyes(self, points: np.ndarray, blink: np.ndarray) -> np.ndarray:
        """See :class:`BodyStream`."""
        return points
