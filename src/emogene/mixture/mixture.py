"""3D landmark mixture: lip-synced and emotion-aware landmarks become one face, in five steps."""

from dataclasses import dataclass, field

import numpy as np

from emogene.audio import Speech
from emogene.audio.voiced import Voiced
from emogene.clock import SPEECH_FPS, VIDEO_FPS
from emogene.face.felt import EmotionalSpeech
from emogene.face.landmarks import mouth_openness
from emogene.face.mixed import Mixed
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.mixture.calibration import Calibration, gaps
from emogene.mixture.emotional_mouth import SIGMAS, MouthRule, freedom, shared_gaps, spoken_weights
from emogene.mixture.lip_sync import hold_gaps, open_mouth
from emogene.mixture.lle import EVERY_PART, blend, project_parts
from emogene.mixture.one_euro import OneEuro, zero_lag_one_euro
from emogene.smooth import gaussian
from emogene.stream import Resample, Stage, Stream

CENTIMETRES = 10  # per decimetre: the "x10 scale" of the papers, in which LLE and filter are defined
RATE = float(VIDEO_FPS)
_GENTLE = OneEuro(min_cutoff=3.0, beta=12.0, d_cutoff=2.0)
_HORIZON = 24  # frames after which the gentle filter has forgotten all but a millionth


@dataclass(frozen=True)
class Mixture:
    """Our mixture: emotion kept, lips in sync, no lag. Nothing is set per avatar: how its mouth opens and how
    lips share a gap come from its :class:`Calibration`.

    ``smoothing``: seconds, of the emotion's weights; ``projected``: share of the LLE in the lips' motion;
    ``filter``: on landmarks in mouth widths; ``rule``: how emotion and words share the mouth.
    """

    smoothing: float = 0.12
    projected: float = 0.2
    rule: MouthRule = field(default_factory=MouthRule)
    filter: OneEuro = _GENTLE

    def stream(self, rig: Rig, space: LandmarkSpace) -> "Mixing":
        """Begin a recording. EmoGeneError, one line, where the avatar's video is too short."""
        return Mixing(self, rig, space)


class Mixing:
    """One recording at work."""

    def __init__(self, mixture: Mixture, rig: Rig, space: LandmarkSpace) -> None:
        self._steps = Stream(FiveSteps(mixture, rig, space))
        self._voiced, self._at_video_rate = Stream(Voiced()), Stream(Resample(SPEECH_FPS, VIDEO_FPS))
        self._blendshapes: Stream | None = None
        self._told = False

    def push(self, lips: np.ndarray | None, felt: EmotionalSpeech, speech: Speech) -> Mixed | None:
        """See :class:`emogene.mixture.interface.MixtureStream`."""
        end = speech.end
        (voiced,) = self._at_video_rate.push(*self._voiced.push(speech.f0, end=end), end=end)
        both = None
        if felt.emotion is not None:
            self._told = felt.words is not None
            words = np.zeros_like(felt.emotion.values) if felt.words is None else felt.words.values
            both = np.stack([felt.emotion.values, words], axis=1)
            self._blendshapes = self._blendshapes or Stream(Resample(felt.emotion.fps, VIDEO_FPS))
        if self._blendshapes is not None:
            (both,) = self._blendshapes.push(both, end=end)
        told = None if both is None else np.full(len(both), self._told)
        return Mixed.of(*self._steps.push(lips, both, told, voiced, end=end))


class FiveSteps(Stage):
    """Faces ``[T, 68, 3]`` of the lips, blendshapes ``[T, 2, 52]`` of emotion and words, whether the two are
    told apart ``[T]``, and where there is a voice ``[T]`` -> what :class:`Mixed` holds; 25 fps."""

    heard = rate = VIDEO_FPS
    outputs = 5

    def __init__(self, mixture: Mixture, rig: Rig, space: LandmarkSpace) -> None:
        self.mixture, self.rig, self.space = mixture, rig, space
        self.avatar = Calibration.of(space)
        rule = mixture.rule
        near = max(
            SIGMAS * max(mixture.smoothing, rule.pace), rule.silence + rule.fade
        )  # seconds around a frame
        self.look_back = self.look_ahead = int(near * RATE) + 3 + _HORIZON

    def __call__(self, first: int, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        lips, both, told, voiced = inputs
        mixture, avatar, own = self.mixture, self.avatar, lips.astype(np.float64)

        # 1. Displacement accumulation: the lips' face and what the emotion adds to it.
        weights = gaussian(both[:, 0], mixture.smoothing * RATE, SIGMAS)
        free = freedom(voiced > 0.5, mouth_openness(own), RATE, mixture.rule) * told
        emotional = np.tensordot(weights, self.rig.basis, 1)
        shown = spoken_weights(weights, mouth_openness(own), free, RATE, mixture.rule)

        # 2. Face-parts disentangled LLE, of what the video could show; the emotion is carried across.
        scaled, database = own * CENTIMETRES, self.space.database * CENTIMETRES
        projected = project_parts(scaled, database, EVERY_PART) / CENTIMETRES
        mixed = blend(own, projected, mixture.projected) + np.tensordot(shown, self.rig.basis, 1)

        # 3. First lip-sync refinement: the gaps between the lips are the words', widened as the emotion may
        # (not at all, where it is not told apart from the words).
        wanted = shared_gaps(gaps(own), told[:, None, None] * gaps(emotional), free, avatar, mixture.rule)
        mixed = hold_gaps(open_mouth(mixed, wanted, avatar), wanted, avatar)

        # 4. One-Euro filter, without lag.
        width = avatar.mouth_width
        mixed = zero_lag_one_euro(mixed / width, RATE, mixture.filter, _HORIZON) * width

        # 5. Final lip-sync refinement, of the mouth only: what the filter took from the lips.
        mixed = hold_gaps(mixed, wanted, avatar)
        felt = self.space.neutral + self.rig.displacement(both.sum(1))
        return mixed.astype(np.float32), lips, felt.astype(np.float32), shown, free.astype(np.float32)
