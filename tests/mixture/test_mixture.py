from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.evaluate.mixture import compare
from emogene.face.arkit import blendshapes
from emogene.face.landmarks import Landmarks, mouth_openness
from emogene.face.rig import Rig
from emogene.face.space import LandmarkSpace
from emogene.mixture import Mixture
from emogene.mixture.calibration import Calibration

from .conftest import EXPRESSIONS, expression, faces, noisy, words


def branches(space: LandmarkSpace, label: str, frames: int = 150, seed: int = 7):
    """Lips, emotion and content of one made-up recording."""
    spoken = words(frames, seed)
    felt = 1 - (1 - spoken) * (1 - expression(label))
    lips = noisy(faces(spoken, space.neutral), seed)
    emotion, content = faces(felt, space.neutral), faces(spoken, space.neutral)
    return Landmarks.of(lips), Landmarks.of(emotion), Landmarks.of(content)


@pytest.mark.parametrize("known", [True, False], ids=["words known", "words unknown"])
@pytest.mark.parametrize("label", EXPRESSIONS)
def test_lips_in_sync_and_emotion_kept(space, label, known):
    lips, emotion, content = branches(space, label)
    mixed = Mixture.default()(lips, emotion, space, content if known else None)
    figures = compare(lips, emotion, content, mixed, Calibration.of(space))
    assert figures.correlation >= 0.97 and figures.lag == 0
    assert figures.closures_kept >= 0.95 * figures.closures and figures.closures > 10
    assert figures.jitter_mixed <= figures.jitter_lips
    for region in ("brows", "corners") if label != "happy" else ("corners",):
        asked, got = figures.asked[region], figures.got[region]
        if known and asked > 1e-4:
            assert got >= 0.8 * asked


def test_reference_shows_its_weaknesses(space):
    lips, emotion, content = branches(space, "surprised")
    mixture = Mixture.reference()
    figures = compare(lips, emotion, content, mixture(lips, emotion, space), Calibration.of(space))
    assert figures.correlation < 0.97
    assert figures.closures_kept < 0.5 * figures.closures


def test_no_emotion_is_the_lips(space):
    lips, _, content = branches(space, "happy")
    mixed = Mixture.default()(lips, content, space, content)
    np.testing.assert_allclose(mouth_openness(mixed.points), mouth_openness(lips.points), atol=1e-5)
    assert np.abs(mixed.points - lips.points).max() < 0.03


def test_more_emotion_moves_more_and_never_opens_closed_lips(space):
    lips, emotion, content = branches(space, "surprised")
    shown = []
    for intensity in (0.5, 1, 2, 4):
        stronger = content.points + intensity * (emotion.points - content.points)
        mixed = Mixture.default()(lips, Landmarks.of(stronger), space, content).points
        shown.append(np.linalg.norm((mixed - lips.points)[:, 17:27].mean(0)))
        shut = mouth_openness(lips.points) < 0.02
        assert mouth_openness(mixed)[shut].max() < 0.02 + 1e-5
    assert all(a < b for a, b in pairwise(shown))
    reach = Calibration.of(space).reach["brows"]
    assert shown[-1] < 1.2 * reach * np.sqrt(10)


@pytest.mark.parametrize("make", [Mixture.default, Mixture.reference, lambda: Mixture.reference(6, 3.0)])
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_short_clips(space, make, frames):
    lips, emotion, content = branches(space, "happy", frames)
    mixed = make()(lips, emotion, space, content)
    assert mixed.points.shape == (frames, 68, 3) and mixed.points.dtype == np.float32
    assert np.isfinite(mixed.points).all() and mixed.fps == lips.fps


def test_names():
    assert Mixture.named("default") == Mixture.default()
    assert Mixture.named("reference") == Mixture.reference()
    assert Mixture.named("reference:6") == Mixture.reference(6)
    for wrong in ("", "ours", "default:8", "reference:5", "reference:x", "reference:"):
        with pytest.raises(EmoGeneError, match="unknown mixture"):
            Mixture.named(wrong)


def test_deterministic(space):
    lips, emotion, content = branches(space, "angry", 60)
    for mixture in (Mixture.default(), Mixture.reference()):
        a, b = (mixture(lips, emotion, space, content).points for _ in range(2))
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [Mixture.default, Mixture.reference])
def test_windows_change_nothing(space, make, monkeypatch):
    lips, emotion, content = branches(space, "angry", 700)
    whole = make()(lips, emotion, space, content).points
    monkeypatch.setattr("emogene.mixture.mixture.WINDOW", 150)
    np.testing.assert_allclose(make()(lips, emotion, space, content).points, whole, atol=1e-6)


def test_mirrored_time_is_mirrored_motion(space):
    """No step of ours looks to one side only, except what a closure is: use a mouth that has none."""
    lips, emotion, content = branches(space, "sad", 80)
    calm = Landmarks.of((space.neutral + 0.2 * (lips.points - space.neutral)).astype(np.float32))

    def reverse(motion: Landmarks) -> Landmarks:
        return Landmarks.of(motion.points[::-1].copy())

    there = Mixture.default()(calm, emotion, space, content)
    back = Mixture.default()(reverse(calm), reverse(emotion), space, reverse(content))
    np.testing.assert_allclose(there.points, back.points[::-1], atol=1e-5)


def test_duplicated_frames_in_the_database(space):
    doubled = LandmarkSpace(space.neutral, np.repeat(space.database[:4], 12, 0))
    lips, emotion, content = branches(space, "happy", 20)
    for mixture in (Mixture.default(), Mixture.reference()):
        assert np.isfinite(mixture(lips, emotion, doubled, content).points).all()


def test_a_tiny_video_is_a_clear_error(space):
    tiny = LandmarkSpace(space.neutral, space.database[:9])
    lips, emotion, _ = branches(space, "happy", 20)
    for mixture in (Mixture.default(), Mixture.reference()):
        with pytest.raises(EmoGeneError, match="9 faces"):
            mixture(lips, emotion, tiny)


def test_lengths_must_agree(space):
    lips, emotion, _ = branches(space, "happy", 20)
    with pytest.raises(ValueError, match="20 frames"):
        Mixture.default()(lips, Landmarks.of(emotion.points[:10]), space)


def test_emotion_landmarks(space):
    rig = Rig.embedded()
    shapes = blendshapes(np.repeat(expression("surprised")[None], 36, 0), Fraction(30))
    ours = Mixture.default().emotion_landmarks(shapes, rig, space, 30)
    theirs = Mixture.reference(gain=3.0).emotion_landmarks(shapes, rig, space, 31)
    assert len(ours) == 30 and len(theirs) == 31
    brow = (slice(None), slice(17, 27))
    moved = (ours.points - space.neutral)[brow]
    np.testing.assert_allclose((theirs.points - space.neutral)[brow][:30], 6 * moved, atol=1e-3)
    np.testing.assert_allclose(theirs.points[30], space.neutral, atol=1e-6)
