"""3D landmark mixture: lip-synced and emotion-aware landmarks become one face, in five steps."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from emogene.clock import VIDEO_FPS
from emogene.errors import EmoGeneError
from emogene.face.landmarks import MOUTH, Landmarks, mouth_openness
from emogene.face.space import LandmarkSpace
from emogene.mixture.accumulate import (
    REFERENCE_SHARES,
    drop_every_sixth,
    emotional_displacement,
    opening_of,
    reference_accumulate,
    reference_blendshapes,
    within_reach,
    without_opening,
)
from emogene.mixture.calibration import Calibration
from emogene.mixture.lip_sync import (
    ClosureRule,
    closure_windows,
    closures,
    hold_gaps,
    open_mouth,
    reference_closures,
    reference_reopened,
    reference_windows,
    towards,
    wanted_gaps,
)
from emogene.mixture.lle import EVERY_PART, blend, project, project_parts
from emogene.mixture.one_euro import OneEuro, one_euro, zero_lag_one_euro
from emogene.track import Track

CENTIMETRES = 10  # per decimetre: the "x10 scale" of the papers, in which LLE and filter are defined
WINDOW = 2048  # frames computed at a time
MARGIN = 256  # frames seen on both sides: more than any step looks, and than any filter remembers
_ALL, _UPPER_FACE = slice(0, 68), slice(0, 48)
_REFERENCE = OneEuro(min_cutoff=0.6, beta=1.2, d_cutoff=1.0)
_GENTLE = OneEuro(min_cutoff=3.0, beta=12.0, d_cutoff=2.0)


class _Rig(Protocol):
    def displacement(self, weights: np.ndarray) -> np.ndarray: ...


class Mixture(ABC):
    """Lip-synced and emotion-aware landmarks in, the mixed ones out; canonical, decimetres, 25 fps."""

    @classmethod
    def default(cls) -> "DefaultMixture":
        """Ours: calibrated on the avatar, emotion kept, lips exact, no lag."""
        return DefaultMixture()

    @classmethod
    def reference(cls, variant: int = 8, gain: float = 2.0) -> "ReferenceMixture":
        """The reference system's, exactly. ``variant`` (6 to 9) and ``gain`` were set by hand per avatar."""
        return ReferenceMixture(variant, gain)

    @classmethod
    def named(cls, name: str) -> "Mixture":
        """``default``, ``reference`` or, with a variant, ``reference:6`` to ``reference:9``."""
        mode, _, variant = name.partition(":")
        if name == "default":
            return cls.default()
        if mode == "reference" and (name == mode or variant in map(str, REFERENCE_SHARES)):
            return cls.reference(int(variant)) if variant else cls.reference()
        raise EmoGeneError(
            f"unknown mixture {name!r}; choose default, reference or reference:6 to reference:9"
        )

    @abstractmethod
    def emotion_landmarks(
        self, blendshapes: Track, rig: _Rig, space: LandmarkSpace, frames: int
    ) -> Landmarks:
        """The emotion branch's 30 fps blendshapes as ``frames`` faces of the avatar at 25 fps."""

    def alone(self, lips: Landmarks, space: LandmarkSpace) -> Landmarks:
        """What the lip branch shows without any emotion."""
        del space
        return lips

    def __call__(
        self,
        lips: Landmarks,
        emotion: Landmarks,
        space: LandmarkSpace,
        content: Landmarks | None = None,
    ) -> Landmarks:
        """The mixed motion, as long as ``lips``.

        ``emotion``: the avatar's neutral face moved by the emotion branch, words and emotion together;
        ``content``: the same branch's face with the words alone, where it can tell them apart. Computed in
        overlapping windows, so that memory beside the motions is constant. Raises EmoGeneError where the
        avatar's video is too short.
        """
        for other in (emotion, content):
            if other is not None and (len(other), other.fps) != (len(lips), lips.fps):
                raise ValueError(
                    f"{len(lips)} frames at {lips.fps} fps of lips, {len(other)} at {other.fps} of emotion"
                )
        result = np.empty(lips.points.shape, np.float32)
        for start in range(0, len(lips), WINDOW):
            first, stop = max(0, start - MARGIN), min(start + WINDOW, len(lips))
            seen = slice(first, stop + MARGIN)
            words = None if content is None else content.points[seen]
            mixed = self._mix(lips.points[seen], emotion.points[seen], words, space, float(lips.fps))
            result[start:stop] = mixed[start - first : stop - first]
        return Landmarks.of(result, lips.fps)

    @abstractmethod
    def _mix(
        self,
        lips: np.ndarray,
        emotion: np.ndarray,
        content: np.ndarray | None,
        space: LandmarkSpace,
        rate: float,
    ) -> np.ndarray:
        """One window ``[T, 68, 3]``, T at least 1, in five steps."""


@dataclass(frozen=True)
class DefaultMixture(Mixture):
    """Our mixture. Nothing is set per avatar: gains, reach and thresholds come from its :class:`Calibration`.

    ``smoothing``: seconds, of the emotional displacement; ``projected``: share of the LLE in the lips'
    motion; ``filter``: on landmarks in mouth widths; ``opening``: how far an emotion may open or close a wide
    mouth, in shares.
    """

    smoothing: float = 0.12
    projected: float = 0.2
    rule: ClosureRule = field(default_factory=ClosureRule)
    filter: OneEuro = _GENTLE
    opening: tuple[float, float] = (-0.3, 0.5)

    def emotion_landmarks(
        self, blendshapes: Track, rig: _Rig, space: LandmarkSpace, frames: int
    ) -> Landmarks:
        points = rig.displacement(blendshapes.resample(VIDEO_FPS, frames).values)
        points += space.neutral  # in place: an hour is 73 MB
        return Landmarks.of(points)

    def _mix(
        self,
        lips: np.ndarray,
        emotion: np.ndarray,
        content: np.ndarray | None,
        space: LandmarkSpace,
        rate: float,
    ) -> np.ndarray:
        avatar = Calibration.of(space)

        # 1. Displacement accumulation: the lips' face and, within the avatar's reach, the emotion's.
        base = space.neutral if content is None else content
        asked = emotional_displacement(emotion, base, rate, self.smoothing)
        emotional = within_reach(without_opening(asked, avatar), avatar)

        # 2. Face-parts disentangled LLE, of what the video could show; the emotion is carried across.
        own = lips.astype(np.float64)
        scaled, database = own * CENTIMETRES, space.database * CENTIMETRES
        projected = project_parts(scaled, database, EVERY_PART) / CENTIMETRES
        mixed = blend(own, projected, self.projected) + emotional

        # 3. First lip-sync refinement: the gap between the lips is the lips' own, exactly so around closures.
        closed = closures(mouth_openness(own), avatar, rate, self.rule)
        windows = closure_windows(closed, rate, self.rule)
        # Only where words and emotion came apart is the emotion's opening known from the words'.
        wider = np.zeros(len(own)) if content is None else opening_of(asked, avatar) / avatar.range
        wanted = wanted_gaps(own, windows, np.clip(wider, *self.opening), avatar)
        mixed = hold_gaps(open_mouth(mixed, wanted, avatar), wanted, avatar)

        # 4. One-Euro filter, without lag.
        width = avatar.mouth_width
        mixed = zero_lag_one_euro(mixed / width, rate, self.filter) * width

        # 5. Final lip-sync refinement, of the mouth only: what the filter took from the lips.
        return hold_gaps(mixed, wanted, avatar)


@dataclass(frozen=True)
class ReferenceMixture(Mixture):
    """The reference system's mixture, as published, weaknesses included."""

    variant: int = 8
    gain: float = 2.0
    projected: float = 0.2
    filter: OneEuro = _REFERENCE

    def emotion_landmarks(
        self, blendshapes: Track, rig: _Rig, space: LandmarkSpace, frames: int
    ) -> Landmarks:
        prepared = drop_every_sixth(reference_blendshapes(blendshapes, self.gain), frames)
        return Landmarks.of(space.origin + rig.displacement(prepared.values))

    def alone(self, lips: Landmarks, space: LandmarkSpace) -> Landmarks:
        """GeneFace++'s own face, with its share of the LLE over all points."""
        own = self._own((lips.points - space.origin) * CENTIMETRES, _displacements(space))
        return Landmarks.of((space.origin + own / CENTIMETRES).astype(np.float32), lips.fps)

    def _own(self, spoken: np.ndarray, database: np.ndarray) -> np.ndarray:
        whole = project(spoken.reshape(len(spoken), -1), database.reshape(len(database), -1))
        return blend(spoken, whole.reshape(spoken.shape), self.projected)

    def _mix(
        self,
        lips: np.ndarray,
        emotion: np.ndarray,
        content: np.ndarray | None,
        space: LandmarkSpace,
        rate: float,
    ) -> np.ndarray:
        origin = space.origin.astype(np.float64)
        database, spoken = _displacements(space), (lips - origin) * CENTIMETRES
        own = self._own(spoken, database)

        def openness(displacement: np.ndarray) -> np.ndarray:
            return mouth_openness(origin + displacement / CENTIMETRES)

        # 1. Displacement accumulation over the mean face.
        mixed = reference_accumulate(spoken, (emotion - origin) * CENTIMETRES, self.variant)
        # 2. Face-parts disentangled LLE: mouth, and the rest.
        mixed = blend(mixed, project_parts(mixed, database, (MOUTH, _UPPER_FACE)), self.projected)
        # 3. First lip-sync refinement.
        weights = reference_windows(reference_closures(openness(own)))
        mixed = towards(mixed, own, weights, MOUTH)
        # 4. One-Euro filter.
        mixed = one_euro(mixed, rate, self.filter)
        # 5. Final lip-sync refinement, of all points.
        mixed = towards(mixed, own, reference_reopened(openness(own), openness(mixed)), _ALL)
        return origin + mixed / CENTIMETRES


def _displacements(space: LandmarkSpace) -> np.ndarray:
    """The avatar's video as the reference sees it: ``[N, 68, 3]`` centimetres away from the mean face."""
    return (space.database - space.origin.astype(np.float64)) * CENTIMETRES
