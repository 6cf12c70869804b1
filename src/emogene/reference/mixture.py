"""The reference system's mixture, as published, weaknesses included: its five steps, constants and variants.

In its own units: displacements from the mean face in centimetres (the papers' "x10 scale").
"""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from emogene.audio import Speech
from emogene.clock import VIDEO_FPS
from emogene.errors import EmoGeneError
from emogene.face.arkit import ARKIT_52
from emogene.face.felt import EmotionalSpeech
from emogene.face.landmarks import MOUTH, PARTS, mouth_openness
from emogene.face.mixed import Mixed
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.mixture.lip_sync import any_within, spread
from emogene.mixture.lle import blend, project, project_parts
from emogene.mixture.one_euro import OneEuro, one_euro
from emogene.stream import Resample, Stage, Stream

CENTIMETRES = 10  # per decimetre
EMOTALK_FPS = Fraction(30)
_ALL, _UPPER_FACE = slice(0, 68), slice(0, 48)

# By the variants and the part: share of the lip-synced displacement, share of the emotional one.
SHARES: dict[int, dict[str, tuple[float, float]]] = {
    6: {"jaw": (1, 1), "brows": (1, 1), "nose": (1, 1), "eyes": (1, 1), "mouth": (1, 1)},
    7: {"jaw": (1, 0.5), "brows": (0, 1), "nose": (1, 0), "eyes": (1, 0), "mouth": (1, 1)},
    8: {"jaw": (0, 1), "brows": (0, 1), "nose": (1, 0), "eyes": (1, 0), "mouth": (1, 1)},
    9: {"jaw": (0.5, 0), "brows": (0, 1), "nose": (1, 0), "eyes": (1, 0), "mouth": (1, 1)},
}


def accumulate(lips: np.ndarray, emotion: np.ndarray, variant: int) -> np.ndarray:
    """Displacements ``[T, 68, 3]`` of both branches summed by the reference's ``variant`` (6, 7, 8 or 9)."""
    if variant not in SHARES:
        raise EmoGeneError(f"no mixture variant {variant}; the reference system has 6, 7, 8 and 9")
    result = np.empty_like(lips)
    for part, (of_lips, of_emotion) in SHARES[variant].items():
        points = PARTS[part]
        result[:, points] = of_lips * lips[:, points] + of_emotion * emotion[:, points]
    return result


RADIUS = 5
FINAL_RADIUS = 4


def plosives(openness: np.ndarray) -> np.ndarray:
    """Plosives by the reference's rule: ``openness [T]`` in decimetres at 25 fps -> bool ``[T]``.

    Nearly closed (below .05), closing (faster than .02 a frame), and opening again (faster than .03 a frame)
    within the next 10 frames: a plosive, not the end of an utterance.
    """
    speed = np.diff(openness, prepend=openness[:1])
    ahead = any_within(speed > 0.03, 0, 9)
    soon = np.append(ahead[1:], False)[: len(speed)]  # of the frames t + 1 .. t + 10
    return (openness < 0.05) & (speed < -0.02) & soon


def closure_windows(closures: np.ndarray) -> np.ndarray:
    """Weight of the lips ``[T]`` around closures (bool ``[T]``): ``((5 - d) / 5)^2`` at distance d <= 5.

    A later closure's window overwrites an earlier one's, as in the reference: of two closures in successive
    frames, the first keeps only .64.
    """
    weights = np.zeros(len(closures))
    for t in np.flatnonzero(closures):
        first, last = max(0, t - RADIUS), min(len(weights), t + RADIUS + 1)
        distance = np.abs(np.arange(first, last) - t)
        weights[first:last] = ((RADIUS - distance) / RADIUS) ** 2
    return weights


def reopened(lips: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """Weight of the lips ``[T]`` where closures were lost, from both openness curves ``[T]`` in decimetres.

    A Bartlett window of radius 4 at every closure of the lips that is now open more than .04.
    """
    lost = plosives(lips) & (mixed > 0.04)
    return spread(lost, np.bartlett(2 * FINAL_RADIUS + 1))


def towards(mixed: np.ndarray, lips: np.ndarray, weights: np.ndarray, points: slice) -> np.ndarray:
    """``mixed [T, 68, 3]`` with ``points`` blended towards ``lips`` by ``weights [T]``."""
    result = mixed.copy()
    share = weights[:, None, None]
    result[:, points] = share * lips[:, points] + (1 - share) * mixed[:, points]
    return result


@dataclass(frozen=True)
class ReferenceMixture:
    """``variant`` (6 to 9) and ``gain`` were set by hand per avatar."""

    variant: int = 8
    gain: float = 2.0
    projected: float = 0.2
    filter: OneEuro = field(default_factory=lambda: OneEuro(min_cutoff=0.6, beta=1.2, d_cutoff=1.0))

    def __post_init__(self) -> None:
        if self.variant not in SHARES:
            raise EmoGeneError(f"no mixture variant {self.variant}; the reference system has 6, 7, 8 and 9")

    def stream(self, rig: Rig, space: LandmarkSpace) -> "ReferenceMixing":
        """Begin a recording."""
        return ReferenceMixing(self, rig, space)


class ReferenceMixing:
    """One recording at work."""

    def __init__(self, mixture: ReferenceMixture, rig: Rig, space: LandmarkSpace) -> None:
        self._steps, self._drop = Stream(ReferenceSteps(mixture, space)), Stream(DropEverySixth())
        self._gains = Stream(SmoothedGains(mixture.gain))
        self._rig, self._origin = rig, space.origin
        self._blendshapes: Stream | None = None

    def push(self, lips: np.ndarray | None, felt: EmotionalSpeech, speech: Speech) -> Mixed | None:
        """See :class:`emogene.mixture.interface.MixtureStream`."""
        weights, end = None, speech.end
        if felt.emotion is not None:
            weights = felt.together.values
            if self._blendshapes is None:
                self._blendshapes = Stream(Resample(felt.emotion.fps, EMOTALK_FPS))
        if self._blendshapes is not None:
            for stream in (self._blendshapes, self._gains, self._drop):
                (weights,) = stream.push(weights, end=end)
        emotion = None if weights is None else self._origin + self._rig.displacement(weights)
        return Mixed.of(*self._steps.push(lips, emotion, weights, end=end))


class SmoothedGains(Stage):
    """The preparation of EmoTalk's output ``[T, 52]`` at 30 fps: Savitzky-Golay(5, 2), then ``gain``.

    The 19 shapes of eyes and brows get twice the gain. No clamp; blinks are as predicted.
    """

    heard = rate = EMOTALK_FPS
    look_back = look_ahead = 4

    def __init__(self, gain: float) -> None:
        self.gains = np.array([2 * gain if name.startswith(("eye", "brow")) else gain for name in ARKIT_52])

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        from scipy.signal import savgol_filter  # 40 MB and a third of a second, for the reference alone

        weights = inputs[0].astype(np.float64)
        if len(weights) >= 5:
            weights = np.asarray(savgol_filter(weights, 5, 2, axis=0))
        return ((weights * self.gains).astype(np.float32),)


class DropEverySixth(Stage):
    """30 to 25 fps as the reference does, ``[T, 52] -> [5 ceil(T / 6), 52]``: zero rows at a missing end."""

    heard, rate, step = EMOTALK_FPS, VIDEO_FPS, 6

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        (weights,) = inputs
        kept = weights[np.arange(len(weights)) % 6 != 5]
        missing = 5 * -(-len(weights) // 6) - len(kept)
        return (np.pad(kept, ((0, missing), (0, 0))),)


class ReferenceSteps(Stage):
    """Faces ``[T, 68, 3]`` of the lips and of the emotion, and its blendshapes ``[T, 52]`` -> what
    :class:`Mixed` holds; its lips are GeneFace++'s own face, with its share of the LLE over all points."""

    heard = rate = VIDEO_FPS
    look_back = 256  # frames: more than the filter remembers
    look_ahead = 32  # more than the closures' windows see
    outputs = 5

    def __init__(self, mixture: ReferenceMixture, space: LandmarkSpace) -> None:
        self.mixture, self.origin = mixture, space.origin.astype(np.float64)
        self.database = (space.database - self.origin) * CENTIMETRES

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        lips, emotion, weights = inputs
        own, felt = self._own((lips - self.origin) * CENTIMETRES), (emotion - self.origin) * CENTIMETRES
        spoken = (lips - self.origin) * CENTIMETRES

        # 1. Displacement accumulation over the mean face.
        mixed = accumulate(spoken, felt, self.mixture.variant)
        # 2. Face-parts disentangled LLE: mouth, and the rest.
        projected = project_parts(mixed, self.database, (MOUTH, _UPPER_FACE))
        mixed = blend(mixed, projected, self.mixture.projected)
        # 3. First lip-sync refinement.
        mixed = towards(mixed, own, closure_windows(plosives(self._openness(own))), MOUTH)
        # 4. One-Euro filter.
        mixed = one_euro(mixed, float(VIDEO_FPS), self.mixture.filter)
        # 5. Final lip-sync refinement, of all points.
        mixed = towards(mixed, own, reopened(self._openness(own), self._openness(mixed)), _ALL)
        mixed, own = ((self.origin + moved / CENTIMETRES).astype(np.float32) for moved in (mixed, own))
        return mixed, own, emotion.astype(np.float32), weights, np.zeros(len(lips), np.float32)

    def _own(self, spoken: np.ndarray) -> np.ndarray:
        whole = project(spoken.reshape(len(spoken), -1), self.database.reshape(len(self.database), -1))
        return blend(spoken, whole.reshape(spoken.shape), self.mixture.projected)

    def _openness(self, displacement: np.ndarray) -> np.ndarray:
        return mouth_openness(self.origin + displacement / CENTIMETRES)
