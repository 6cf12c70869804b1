"""The reference system's mixture: the rules as published, weaknesses included."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emogene.errors import EmoGeneError
from emogene.evaluate.mixture import compare
from emogene.face.arkit import INDEX, blendshapes
from emogene.face.felt import EmotionalSpeech
from emogene.face.landmarks import MOUTH, PARTS, Landmarks
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.mixture import mixture_named
from emogene.mixture.calibration import Calibration
from emogene.reference.mixture import (
    EMOTALK_FPS,
    SHARES,
    DropEverySixth,
    ReferenceMixture,
    SmoothedGains,
    accumulate,
    closure_windows,
    plosives,
    reopened,
    towards,
)
from emogene.stream import run

from ..mixture.conftest import expression, faces, felt, mix, noisy, space, voice, words

__all__ = ["space"]


def spoken(space: LandmarkSpace, frames: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Blendshapes ``[T, 52]`` of made-up words and the lips ``[T, 68, 3]`` that say them."""
    said = words(frames, seed)
    return said, noisy(faces(said, space.neutral), seed)


def smoothed(weights: np.ndarray, gain: float) -> np.ndarray:
    return run(SmoothedGains(gain), weights, duration=Fraction(len(weights)) / EMOTALK_FPS)[0]


def test_reference_variants_part_by_part():
    rng = np.random.default_rng(0)
    lips, emotion = rng.normal(size=(2, 4, 68, 3))
    wanted = {
        6: {"mouth": lips + emotion, "brows": lips + emotion, "eyes": lips + emotion, "jaw": lips + emotion},
        7: {
            "mouth": lips + emotion,
            "brows": emotion,
            "eyes": lips,
            "jaw": lips + 0.5 * emotion,
            "nose": lips,
        },
        8: {"mouth": lips + emotion, "brows": emotion, "eyes": lips, "jaw": emotion, "nose": lips},
        9: {"mouth": lips + emotion, "brows": emotion, "eyes": lips, "jaw": 0.5 * lips, "nose": lips},
    }
    for variant, parts in wanted.items():
        got = accumulate(lips, emotion, variant)
        for part, values in parts.items():
            np.testing.assert_allclose(got[:, PARTS[part]], values[:, PARTS[part]])
    with pytest.raises(EmoGeneError, match="variant 5"):
        accumulate(lips, emotion, 5)


def test_reference_gains():
    weights = np.full((20, 52), 0.1, np.float32)
    got = smoothed(weights, 2.5)
    doubled = np.isclose(got[0], 0.5)
    assert doubled.sum() == 19 and np.isclose(got[0, ~doubled], 0.25).all()
    assert doubled[INDEX["browInnerUp"]] and doubled[INDEX["eyeBlinkLeft"]] and not doubled[INDEX["jawOpen"]]


def test_reference_smoothing_keeps_parabolas():
    time = np.linspace(0, 1, 30)
    weights = np.repeat((0.2 + 0.5 * time - 0.3 * time**2)[:, None], 52, 1).astype(np.float32)
    got = smoothed(weights, 1.0)
    np.testing.assert_allclose(got[:, INDEX["jawOpen"]], weights[:, 0], atol=1e-6)
    short = smoothed(weights[:3], 1.0)
    np.testing.assert_allclose(short[:, INDEX["jawOpen"]], weights[:3, 0])


def test_drop_every_sixth():
    weights = np.repeat(np.arange(13.0)[:, None], 52, 1)
    (got,) = run(DropEverySixth(), weights, duration=Fraction(13, 30))
    np.testing.assert_array_equal(got[:, 0], [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12])
    (held,) = DropEverySixth()(0, weights)
    np.testing.assert_array_equal(held[:, 0], [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 0, 0, 0, 0])


def by_the_book(openness: np.ndarray) -> list[bool]:
    """The reference's closure rule, frame by frame."""
    speed = [0.0] + [openness[t] - openness[t - 1] for t in range(1, len(openness))]
    return [
        openness[t] < 0.05 and speed[t] < -0.02 and any(v > 0.03 for v in speed[t + 1 : t + 11])
        for t in range(len(openness))
    ]


@given(st.lists(st.integers(0, 20), max_size=40))
@settings(max_examples=100)
def test_plosives_by_the_book(levels):
    openness = np.array(levels, float) / 100
    assert plosives(openness).tolist() == by_the_book(openness)


def test_closure_windows_overwrite():
    closed = np.zeros(20, bool)
    closed[[4, 12]] = True
    weights = closure_windows(closed)
    np.testing.assert_allclose(weights[4:10], [1, 0.64, 0.36, 0, 0.04, 0.16])
    closed[5] = True
    assert closure_windows(closed)[4] < 0.65  # the weakness: a closure of two frames loses the first


def test_reopened_is_merged_by_max():
    lips = np.array([0.2, 0.2, 0.02, 0.2, 0.2, 0.03, 0.2, 0.2, 0.2, 0.2])
    assert not reopened(lips, np.full(10, 0.04)).any()
    np.testing.assert_allclose(
        reopened(lips, np.full(10, 0.1)), [0.5, 0.75, 1, 0.75, 0.75, 1, 0.75, 0.5, 0.25, 0]
    )


def test_towards_blends_only_the_points():
    rng = np.random.default_rng(0)
    mixed, lips = rng.normal(size=(2, 3, 68, 3))
    got = towards(mixed, lips, np.array([0, 0.5, 1]), MOUTH)
    np.testing.assert_array_equal(got[:, :48], mixed[:, :48])
    np.testing.assert_array_equal(got[0], mixed[0])
    np.testing.assert_allclose(got[1, MOUTH], (mixed[1, MOUTH] + lips[1, MOUTH]) / 2)
    np.testing.assert_array_equal(got[2, MOUTH], lips[2, MOUTH])


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_rules_of_short_clips(frames):
    openness = np.full(frames, 0.1)
    assert len(plosives(openness)) == frames
    assert len(closure_windows(np.zeros(frames, bool))) == frames
    assert len(reopened(openness, openness)) == frames


def test_it_shows_its_weaknesses(space):
    said, lips = spoken(space, 150)
    mixed = mix(ReferenceMixture(), space, lips, felt(said, "surprised"))
    figures = compare(
        lips=Landmarks.of(lips),
        emotion=Landmarks.of(mixed.emotion),
        content=Landmarks.of(faces(said, space.neutral)),
        mixed=Landmarks.of(mixed.mixed),
        avatar=Calibration.of(space),
    )
    assert figures.correlation < 0.97
    assert figures.closures_kept < 0.5 * figures.closures


@pytest.mark.parametrize("mixture", [ReferenceMixture(), ReferenceMixture(6, 3.0)])
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_short_clips(space, mixture, frames):
    said, lips = spoken(space, frames)
    mixed = mix(mixture, space, lips, felt(said, "happy"))
    for motion in (mixed.mixed, mixed.emotion, mixed.lips):
        assert motion.shape == (frames, 68, 3) and motion.dtype == np.float32
        assert np.isfinite(motion).all()


def test_names():
    assert mixture_named("reference") == ReferenceMixture()
    for variant in SHARES:
        assert mixture_named(f"reference:{variant}") == ReferenceMixture(variant)
    with pytest.raises(EmoGeneError, match="variant 5"):
        ReferenceMixture(5)


def test_variants_differ(space):
    said, lips = spoken(space, 40)
    mixed = [mix(ReferenceMixture(variant), space, lips, felt(said, "surprised")).mixed for variant in SHARES]
    for i, one in enumerate(mixed):
        assert all(np.abs(one - other).max() > 0.01 for other in mixed[:i])


def test_it_cannot_tell_words_from_emotion(space):
    """So told apart or not, its faces are the same."""
    said, lips = spoken(space, 60)
    apart, together = (
        mix(ReferenceMixture(), space, lips, felt(said, "sad", known=k)) for k in (True, False)
    )
    np.testing.assert_allclose(apart.mixed, together.mixed, atol=1e-6)


def test_deterministic(space):
    said, lips = spoken(space, 60)
    a, b = (mix(ReferenceMixture(), space, lips, felt(said, "angry")).mixed for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_pieces_are_the_whole(space):
    said, lips = spoken(space, 700)
    whole = mix(ReferenceMixture(), space, lips, felt(said, "angry"))
    stream, found = ReferenceMixture().stream(Rig.embedded(), space), []
    for start in range(0, 700, 25):
        stretch = slice(start, start + 25)
        heard = voice(25, first=start, total=700)
        found.append(stream.push(lips[stretch], felt(said[stretch], "angry"), heard))
    assert sum(piece is not None for piece in found) > 20
    for name in ("mixed", "lips", "emotion", "weights", "free"):
        pieces = np.concatenate([getattr(piece, name) for piece in found if piece is not None])
        np.testing.assert_allclose(pieces, getattr(whole, name), atol=1e-6)


def test_duplicated_frames_in_the_database(space):
    doubled = LandmarkSpace(space.neutral, np.repeat(space.database[:4], 12, 0))
    said, lips = spoken(space, 20)
    assert np.isfinite(mix(ReferenceMixture(), doubled, lips, felt(said, "happy")).mixed).all()


def test_a_tiny_video_is_a_clear_error(space):
    said, lips = spoken(space, 20)
    with pytest.raises(EmoGeneError, match="9 faces"):
        mix(ReferenceMixture(), LandmarkSpace(space.neutral, space.database[:9]), lips, felt(said, "happy"))


def test_emotion_landmarks_are_gained_and_doubled_at_the_brows(space):
    frames = 30
    shapes = blendshapes(np.repeat(expression("surprised")[None], 36, 0), EMOTALK_FPS)
    lips = np.repeat(space.neutral[None], frames, 0)
    shown = mix(ReferenceMixture(gain=3.0), space, lips, EmotionalSpeech(emotion=shapes)).emotion
    moved = Rig.embedded().displacement(shapes.values[:frames])
    brows = (slice(None), slice(17, 27))
    np.testing.assert_allclose((shown - space.neutral)[brows], 6 * moved[brows], atol=1e-3)
