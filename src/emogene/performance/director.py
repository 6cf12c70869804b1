"""Everything that is known of a moment, at the video's rate, as one performance."""

from fractions import Fraction

import numpy as np

from emogene.audio import Speech
from emogene.clock import SPEECH_FPS, VIDEO_FPS
from emogene.face.arkit import blendshapes
from emogene.face.felt import EmotionalSpeech
from emogene.face.landmarks import Landmarks
from emogene.face.mixed import Mixed
from emogene.performance.body import BodyStream
from emogene.performance.performance import Performance
from emogene.performance.rhythm import Rhythm
from emogene.stream import Aligned, Resample, Stream
from emogene.track import Track


class Director:
    """Landmarks at 25 fps, blendshapes and emotions at the emotion branch's rate and the voice at 50 Hz ->
    performances at ``fps``, piece by piece; ``body`` adds blinks, gaze and the head."""

    def __init__(self, fps: Fraction, body: BodyStream) -> None:
        self._fps, self._body = fps, body
        self._rhythm, self._loudness = Stream(Rhythm()), Stream(Resample(SPEECH_FPS, fps))
        self._faces, self._weights = (Stream(Resample(VIDEO_FPS, fps)) for _ in range(2))
        self._felt: Stream | None = None
        self._kind = EmotionalSpeech.nothing()  # whose names and widths the columns have
        self._aligned = Aligned(7)

    def push(self, mixed: Mixed | None, felt: EmotionalSpeech, speech: Speech) -> Performance | None:
        """The next stretch that everything is known of; None where there is none."""
        end = speech.end
        faces = weights = None
        if mixed is not None:
            faces, weights = np.stack([mixed.mixed, mixed.lips, mixed.emotion], axis=1), mixed.weights
        (faces,) = self._faces.push(faces, end=end)
        (weights,) = self._weights.push(weights, end=end)
        columns = self._columns(felt, end)
        (loudness,) = self._loudness.push(speech.loudness, end=end)
        body = self._body.push(*self._rhythm.push(speech.loudness, speech.f0, end=end), end=end)
        motion = (None, None, None) if body is None else (body.blink, body.gaze, body.head)
        together = self._aligned.push(faces, weights, columns, loudness, *motion)
        return None if together is None else self._performance(*together)

    def _columns(self, felt: EmotionalSpeech, end: Fraction | None) -> np.ndarray | None:
        """Blendshapes and emotions beside each other, at the video's rate."""
        columns = None
        if felt.emotion is not None:
            self._kind = felt
            told = [np.zeros((len(felt.emotion), 0), np.float32), *(track.values for track in _tracks(felt))]
            columns = np.concatenate(told, axis=1)
            self._felt = self._felt or Stream(Resample(felt.emotion.fps, self._fps))
        return None if self._felt is None else self._felt.push(columns, end=end)[0]

    def _performance(self, faces, weights, columns, loudness, blink, looking, head) -> Performance:
        kind, fps = self._kind, self._fps
        tracks = _tracks(kind)
        ends = np.cumsum([track.values.shape[1] for track in tracks], dtype=int)
        values = {
            id(track): columns[:, end - track.values.shape[1] : end]
            for track, end in zip(tracks, ends, strict=True)
        }

        def at_rate(track: Track | None) -> Track | None:
            return track and Track(values[id(track)], track.names, fps, track.unit)

        shown, alone, felt = (faces[:, i] for i in range(3))
        return Performance(
            landmarks=Landmarks.of(self._body.close_eyes(shown, blink), fps),
            lips=Landmarks.of(self._body.close_eyes(alone, blink), fps),
            emotion=Landmarks.of(felt, fps),
            speech_shapes=at_rate(kind.words) or blendshapes(np.zeros_like(weights), fps),
            emotion_shapes=blendshapes(weights, fps),
            blink=Track(blink[:, None], ("closure",), fps, "share"),
            gaze=Track(looking, ("right", "up"), fps, "rad"),
            head=head,
            loudness=Track(loudness[:, None], ("voice",), fps, "dB"),
            heard=at_rate(kind.heard),
            shown=at_rate(kind.shown),
        )


def _tracks(felt: EmotionalSpeech) -> list[Track]:
    parts = felt.words, felt.heard, felt.shown
    return [track for track in parts if track is not None]
