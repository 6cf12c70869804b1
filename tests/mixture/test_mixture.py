from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.evaluate.mixture import compare
from emogene.face.arkit import INDEX, blendshapes
from emogene.face.felt import EmotionalSpeech
from emogene.face.landmarks import Landmarks, mouth_openness
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.mixture import Mixture, mixture_named
from emogene.mixture.calibration import Calibration

from .conftest import EXPRESSIONS, expression, faces, felt, mix, noisy, voice, words


def spoken(space: LandmarkSpace, frames: int = 150, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Blendshapes ``[T, 52]`` of made-up words and the lips ``[T, 68, 3]`` that say them."""
    said = words(frames, seed)
    return said, noisy(faces(said, space.neutral), seed)


@pytest.mark.parametrize("known", [True, False], ids=["words known", "words unknown"])
@pytest.mark.parametrize("label", EXPRESSIONS)
def test_lips_in_sync_and_emotion_kept(space, label, known):
    said, lips = spoken(space)
    mixed = mix(Mixture(), space, lips, felt(said, label, known=known))
    figures = compare(
        lips=Landmarks.of(lips),
        emotion=Landmarks.of(mixed.emotion),
        content=Landmarks.of(faces(said, space.neutral)),
        mixed=Landmarks.of(mixed.mixed),
        avatar=Calibration.of(space),
    )
    assert figures.correlation >= 0.97 and figures.lag == 0
    assert figures.closures_kept >= 0.95 * figures.closures and figures.closures > 10
    grown = figures.motion_mixed / figures.motion_lips
    assert figures.jitter_mixed <= 1.02 * grown * figures.jitter_lips  # more motion, no rougher
    # A surprised mouth's corners go with the jaw, which is the words' own while they speak.
    for region in {"happy": ("corners",), "surprised": ("brows",)}.get(label, ("brows", "corners")):
        asked, got = figures.asked[region], figures.got[region]
        if known and asked > 1e-4:
            assert got >= 0.8 * asked


@pytest.mark.parametrize("label", EXPRESSIONS)
def test_words_that_are_told_apart_are_not_taken_for_emotion(space, label):
    """What the emotion branch's words do to the face is not added to what the lips do."""
    said, lips = spoken(space)
    other = words(150, seed=99)
    one, two = (mix(Mixture(), space, lips, felt(heard, label)).mixed for heard in (said, other))
    np.testing.assert_allclose(one, two, atol=5e-3)
    taken = mix(Mixture(), space, lips, felt(said, label, known=False)).mixed
    assert np.abs(taken - one).max() > 0.01, "unknown words are"


def test_the_emotion_branchs_own_face_has_its_words(space):
    said, lips = spoken(space)
    for label in ("happy", "surprised"):
        both = said + expression(label)
        for known in (True, False):
            shown = mix(Mixture(), space, lips, felt(said, label, known=known)).emotion
            np.testing.assert_allclose(shown, faces(both, space.neutral), atol=1e-5)


def test_what_the_lips_alone_show_are_the_lips(space):
    said, lips = spoken(space)
    np.testing.assert_array_equal(mix(Mixture(), space, lips, felt(said, "angry")).lips, lips)


def test_no_emotion_is_the_lips(space):
    said, lips = spoken(space)
    mixed = mix(Mixture(), space, lips, felt(said, None)).mixed
    np.testing.assert_allclose(mouth_openness(mixed), mouth_openness(lips), atol=1e-5)
    assert np.abs(mixed - lips).max() < 0.03


def test_more_emotion_moves_more_and_never_opens_closed_lips(space):
    said, lips = spoken(space)
    shown = []
    for intensity in (0.5, 1, 2, 4):
        mixed = mix(Mixture(), space, lips, felt(said, "surprised", intensity)).mixed
        shown.append(np.linalg.norm((mixed - lips)[:, 17:27].mean(0)))
        shut = mouth_openness(lips) < 0.02
        assert mouth_openness(mixed)[shut].max() < 0.02 + 1e-5
    assert all(a < b for a, b in pairwise(shown))


@pytest.mark.parametrize("frames", [1, 2, 9])
def test_short_clips(space, frames):
    said, lips = spoken(space, frames)
    mixed = mix(Mixture(), space, lips, felt(said, "happy"))
    for motion in (mixed.mixed, mixed.emotion, mixed.lips):
        assert motion.shape == (frames, 68, 3) and motion.dtype == np.float32
        assert np.isfinite(motion).all()


def test_names():
    assert mixture_named("default") == Mixture()
    for wrong in ("", "ours", "default:8", "reference:5", "reference:x", "reference:"):
        with pytest.raises(EmoGeneError, match="unknown mixture"):
            mixture_named(wrong)


def test_deterministic(space):
    said, lips = spoken(space, 60)
    a, b = (mix(Mixture(), space, lips, felt(said, "angry")).mixed for _ in range(2))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("piece", [1, 25, 133])
def test_pieces_are_the_whole(space, piece):
    said, lips = spoken(space, 400)
    whole = mix(Mixture(), space, lips, felt(said, "angry"))
    stream, found = Mixture().stream(Rig.embedded(), space), []
    for start in range(0, 400, piece):
        stretch = slice(start, start + piece)
        heard = voice(len(lips[stretch]))
        found.append(stream.push(lips[stretch], felt(said[stretch], "angry"), heard))
    told = sum(len(part.mixed) for part in found if part is not None)
    assert told > 250, "it waits for the end"
    found.append(stream.push(None, EmotionalSpeech.nothing(), voice(0, first=400, total=400)))
    for name in ("mixed", "lips", "emotion", "weights", "free"):
        pieces = np.concatenate([getattr(part, name) for part in found if part is not None])
        np.testing.assert_allclose(pieces, getattr(whole, name), atol=1e-6)


def test_what_comes_first_waits_for_the_other(space):
    said, lips = spoken(space, 300)
    whole = mix(Mixture(), space, lips, felt(said, "sad"))
    stream = Mixture().stream(Rig.embedded(), space)
    assert stream.push(lips[:200], EmotionalSpeech.nothing(), voice(300)) is None
    first = stream.push(None, felt(said[:250], "sad"), voice(0))
    assert first is not None and 0 < len(first.mixed) < 200
    last = stream.push(lips[200:], felt(said[250:], "sad"), voice(0, first=300, total=300))
    assert last is not None
    np.testing.assert_allclose(np.concatenate([first.mixed, last.mixed]), whole.mixed, atol=1e-6)


def test_mirrored_time_is_mirrored_motion(space):
    """No step of ours looks to one side only, except what a closure is: use a mouth that has none."""
    said, lips = spoken(space, 80)
    calm = (space.neutral + 0.2 * (lips - space.neutral)).astype(np.float32)
    there = mix(Mixture(), space, calm, felt(said, "sad")).mixed
    back = mix(Mixture(), space, calm[::-1].copy(), felt(said[::-1].copy(), "sad")).mixed
    np.testing.assert_allclose(there, back[::-1], atol=1e-5)


def test_duplicated_frames_in_the_database(space):
    doubled = LandmarkSpace(space.neutral, np.repeat(space.database[:4], 12, 0))
    said, lips = spoken(space, 20)
    assert np.isfinite(mix(Mixture(), doubled, lips, felt(said, "happy")).mixed).all()


def test_a_tiny_video_is_a_clear_error(space):
    tiny = LandmarkSpace(space.neutral, space.database[:9])
    said, lips = spoken(space, 20)
    with pytest.raises(EmoGeneError, match="9 faces"):
        mix(Mixture(), tiny, lips, felt(said, "happy"))


def test_in_silence_the_mouth_is_the_emotions(space):
    still, shut = np.zeros((60, 52), np.float32), np.repeat(space.neutral[None], 60, 0)
    silent, speaking = (mix(Mixture(), space, shut, felt(still, "surprised"), hz) for hz in (0, 150))
    assert (silent.free == 1).all() and not speaking.free.any()
    open_mouth, kept = (mouth_openness(found.mixed)[30] for found in (silent, speaking))
    assert kept < 0.02 < open_mouth, "a speaking mouth that is shut stays shut"
    jaw = INDEX["jawOpen"]
    np.testing.assert_allclose(silent.weights[:, jaw], expression("surprised")[jaw], atol=1e-5)
    assert speaking.weights[:, jaw].max() < 0.5 * expression("surprised")[jaw]


@pytest.mark.parametrize("fps", [25, 30, 50])
def test_blendshapes_of_any_rate_keep_their_times(space, fps):
    """The brows rise in the first second and stay."""
    rate, frames = Fraction(fps), 50
    rise = np.minimum(np.arange(2 * fps) / fps, 1)[:, None].astype(np.float32)
    lips = np.repeat(space.neutral[None], frames, 0)
    emotion = EmotionalSpeech(emotion=blendshapes(rise * expression("surprised"), rate))
    shown = mix(Mixture(), space, lips, emotion).emotion
    time = np.minimum(np.arange(frames) / 25, 1)[:, None].astype(np.float32)
    expected = faces(time * expression("surprised"), space.neutral)
    np.testing.assert_allclose(shown, expected, atol=1e-5)
