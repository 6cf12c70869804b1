"""3D landmark mixture: lip-synced and emotion-aware landmarks become one face, in five steps."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from emogene.clock import VIDEO_FPS
from emogene.emotalk.speech import EmotionalSpeech
from emogene.face.landmarks import mouth_openness
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.mixture.accumulate import (
    SIGMAS,
    emotional_displacement,
    opening_of,
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
    wanted_gaps,
)
from emogene.mixture.lle import EVERY_PART, blend, project_parts
from emogene.mixture.model import Mixed
from emogene.mixture.one_euro import OneEuro, zero_lag_one_euro
from emogene.stream import Resample, Stage, Stream

CENTIMETRES = 10  # per decimetre: the "x10 scale" of the papers, in which LLE and filter are defined
RATE = float(VIDEO_FPS)
_GENTLE = OneEuro(min_cutoff=3.0, beta=12.0, d_cutoff=2.0)
_HORIZON = 24  # frames after which the gentle filter has forgotten all but a millionth


@dataclass(frozen=True)
class Mixture:
    """Our mixture: emotion kept, lips exact, no lag. Nothing is set per avatar: gains, reach and thresholds
    come from its :class:`Calibration`.

    ``smoothing``: seconds, of the emotional displacement; ``projected``: share of the LLE in the lips'
    motion; ``filter``: on landmarks in mouth widths; ``opening``: how far an emotion may open or close a wide
    mouth, in shares.
    """

    smoothing: float = 0.12
    projected: float = 0.2
    rule: ClosureRule = field(default_factory=ClosureRule)
    filter: OneEuro = _GENTLE
    opening: tuple[float, float] = (-0.3, 0.5)

    def stream(self, rig: Rig, space: LandmarkSpace) -> "Mixing":
        """Begin a recording. EmoGeneError, one line, where the avatar's video is too short."""
        return Mixing(self, rig, space)


class Mixing:
    """One recording at work."""

    def __init__(self, mixture: Mixture, rig: Rig, space: LandmarkSpace) -> None:
        self._steps = Stream(FiveSteps(mixture, space))
        self._rig, self._neutral = rig, space.neutral
        self._blendshapes: Stream | None = (
            None  # of everything beside those of the words, to the video's rate
        )
        self._told = False

    def push(
        self, lips: np.ndarray | None, felt: EmotionalSpeech, end: Fraction | None = None
    ) -> Mixed | None:
        """See :class:`emogene.mixture.model.MixtureStream`."""
        emotion, words = self._faces(felt, end)
        told = None if emotion is None else np.full(len(emotion), self._told)
        mixed, shown, alone = self._steps.push(lips, emotion, words, told, end=end)
        if mixed is None or shown is None or alone is None:
            return None
        return Mixed(mixed, alone, shown)

    def _faces(
        self, felt: EmotionalSpeech, end: Fraction | None
    ) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
        """The resting face moved by everything, and by the words alone (by nothing where those are not told
        apart), at the video's rate."""
        both = None
        if felt.emotion is not None:
            together, self._told = felt.together.values, felt.words is not None
            words = np.zeros_like(together) if felt.words is None else felt.words.values
            both = np.stack([together, words], axis=1)
            if self._blendshapes is None:
                self._blendshapes = Stream(Resample(felt.emotion.fps, VIDEO_FPS))
        if self._blendshapes is None:
            return None, None
        (both,) = self._blendshapes.push(both, end=end)
        if both is None:
            return None, None
        together, words = (self._neutral + self._rig.displacement(both[:, i]) for i in (0, 1))
        return together, words


class FiveSteps(Stage):
    """Faces ``[T, 68, 3]`` of the lips, of the emotion branch with its words, and with its words alone, and
    whether the words are told apart ``[T]`` -> the mixed faces, the emotion's and the lips', float32;
    canonical, decimetres, 25 fps."""

    heard = rate = VIDEO_FPS
    outputs = 3

    def __init__(self, mixture: Mixture, space: LandmarkSpace) -> None:
        self.mixture, self.space = mixture, space
        self.avatar = Calibration.of(space)
        rule = mixture.rule
        near = max(
            SIGMAS * mixture.smoothing, rule.hold + max(rule.soon, rule.recent)
        )  # seconds around a frame that the steps before the filter look at
        self.look_back = self.look_ahead = int(near * RATE) + 3 + _HORIZON

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        lips, emotion, words, told = inputs
        mixture, avatar = self.mixture, self.avatar

        # 1. Displacement accumulation: the lips' face and, within the avatar's reach, the emotion's.
        asked = emotional_displacement(emotion, words, RATE, mixture.smoothing)
        emotional = within_reach(without_opening(asked, avatar), avatar)

        # 2. Face-parts disentangled LLE, of what the video could show; the emotion is carried across.
        own = lips.astype(np.float64)
        scaled, database = own * CENTIMETRES, self.space.database * CENTIMETRES
        projected = project_parts(scaled, database, EVERY_PART) / CENTIMETRES
        mixed = blend(own, projected, mixture.projected) + emotional

        # 3. First lip-sync refinement: the gap between the lips is the lips' own, exactly so around closures.
        closed = closures(mouth_openness(own), avatar, RATE, mixture.rule)
        windows = closure_windows(closed, RATE, mixture.rule)
        # Only where words and emotion came apart is the emotion's opening known from the words'.
        wider = opening_of(asked, avatar) / avatar.range * told
        wanted = wanted_gaps(own, windows, np.clip(wider, *mixture.opening), avatar)
        mixed = hold_gaps(open_mouth(mixed, wanted, avatar), wanted, avatar)

        # 4. One-Euro filter, without lag.
        width = avatar.mouth_width
        mixed = zero_lag_one_euro(mixed / width, RATE, mixture.filter, _HORIZON) * width

        # 5. Final lip-sync refinement, of the mouth only: what the filter took from the lips.
        return hold_gaps(mixed, wanted, avatar).astype(np.float32), emotion.astype(np.float32), lips
