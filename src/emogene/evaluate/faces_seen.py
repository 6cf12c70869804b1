"""What others see in rendered faces that speak: a judge the emotion, a face tracker the lips.

Each of seven emotions is asked for at intensity 1 on several voices; frames are spread over where the voice
is loud.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from emogene.avatar import Avatar
from emogene.avatar.capture.mediapipe import face_landmarker, image
from emogene.errors import EmoGeneError
from emogene.evaluate.judge import CLASSES, FOREHEAD, Judge
from emogene.face.landmarks import INNER_LIPS, MEDIAPIPE_68, OUTER_EYE_CORNERS, mouth_openness
from emogene.performance import Performance
from emogene.progress import Progress, over, silent

SIZE = 512
FRAMES = 40
"""Of each voice with each emotion."""
SPEAKING = 30  # dB below the loudest frame
CLOSED = 0.006  # openness of the words' lips, in decimetres, below which they are closed
SHOWN_BY = {
    "happy": ("mouthSmileLeft", "mouthSmileRight"),
    "sad": ("browInnerUp",),
    "angry": ("browDownLeft", "browDownRight"),
    "fearful": ("browInnerUp", "eyeWideLeft", "eyeWideRight"),
    "disgust": ("noseSneerLeft", "noseSneerRight", "browDownLeft", "browDownRight"),
    "surprised": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "jawOpen"),
}
"""The tracker's blendshapes that tell of an emotion."""


@dataclass(frozen=True)
class Seen:
    """N frames of one voice with one emotion.

    ``judged`` and ``judged_with_forehead [N, 7]``: probabilities of CLASSES; ``tracked [N]``: openness of the
    rendered mouth, ``wanted [N]``: of the landmarks, ``spoken [N]``: of the words', all in decimetres;
    ``shapes [N, 52]``: the tracker's blendshapes by ``names``.
    """

    judged: np.ndarray
    judged_with_forehead: np.ndarray
    tracked: np.ndarray
    wanted: np.ndarray
    spoken: np.ndarray
    shapes: np.ndarray
    names: tuple[str, ...]


def seen(
    avatar: Avatar,
    voices: Sequence[Path],
    landmarker: Path,
    frames: int = FRAMES,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Figures of the demo clip and of the recordings ``voices``, by name; JSON-ready.

    ``emotion``: the share of frames whose emotion the judge names (7 classes, chance .14), by emotion, and
    the confusion, rows asked for; the face is the square around the tracked 68 points, 1.1 times as large.
    ``emotion_with_forehead``: the same with the forehead in the square. ``lips``: by emotion, correlation of
    the tracked with the mixed openness, the worst voice's, and by how many millimetres closed lips are
    further apart than the neutral face's at the same moments. ``tracker``: blendshapes above neutral's.
    """
    from emogene.pipeline import EmoGene

    engine, judge = EmoGene.from_pretrained(threads=1), Judge()
    found: dict[str, list[Seen]] = {emotion: [] for emotion in CLASSES}
    with (
        as_file(files("emogene") / "assets" / "demo.ogg") as demo,
        face_landmarker(landmarker, blendshapes=True) as tracker,
    ):
        takes = [(voice, emotion) for voice in (demo, *voices) for emotion in CLASSES]
        for voice, emotion in over(takes, "emotions", progress):
            performance = engine(voice, avatar=avatar, emotion=emotion).performance
            rows = speaking(performance.loudness.values[:, 0], frames)
            found[emotion].append(_look(avatar, performance, rows, judge, tracker))
    return {
        "voices": ["demo", *(voice.stem for voice in voices)],
        "frames": sum(len(one.tracked) for ones in found.values() for one in ones),
        "emotion": recognition({e: [one.judged for one in ones] for e, ones in found.items()}),
        "emotion_with_forehead": recognition(
            {e: [one.judged_with_forehead for one in ones] for e, ones in found.items()}
        ),
        "lips": lips(found),
        "tracker": shapes(found),
    }


def speaking(loudness: np.ndarray, frames: int) -> np.ndarray:
    """Rows spread over those of ``loudness [T]`` (dB) that are at most SPEAKING below the loudest."""
    loud = np.flatnonzero(loudness > loudness.max() - SPEAKING)
    return loud[np.linspace(0, len(loud) - 1, min(frames, len(loud))).round().astype(int)]


def recognition(judged: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    """``accuracy`` of all, ``by_emotion``, ``by_voice`` and ``confusion`` (rows asked for, columns seen; shares
    of frames) of probabilities ``[N, 7]`` by emotion and voice."""
    chosen = {emotion: [p.argmax(1) for p in voices] for emotion, voices in judged.items()}
    confusion = {
        emotion: {
            name: float(np.mean(np.concatenate(voices) == column)) for column, name in enumerate(CLASSES)
        }
        for emotion, voices in chosen.items()
    }
    by_emotion = {emotion: row[emotion] for emotion, row in confusion.items()}
    right = [[np.mean(v == CLASSES.index(e)) for v in voices] for e, voices in chosen.items()]
    return {
        "accuracy": float(np.mean(list(by_emotion.values()))),
        "by_emotion": by_emotion,
        "by_voice": [float(share) for share in np.mean(right, axis=0)],
        "confusion": confusion,
    }


def lips(found: dict[str, list[Seen]]) -> dict[str, Any]:
    """See :func:`seen`."""
    figures: dict[str, Any] = {}
    for emotion, voices in found.items():
        correlations = [np.corrcoef(one.tracked, one.wanted)[0, 1] for one in voices]
        gaps = [
            100 * (one.tracked - rest.tracked)[one.spoken < CLOSED]
            for one, rest in zip(voices, found["neutral"], strict=True)
        ]
        closed = np.concatenate(gaps)
        figures[emotion] = {
            "correlation": float(np.mean(correlations)),
            "correlation_worst": float(np.min(correlations)),
            "closed_frames": len(closed),
            "closed_mm_above_neutral": float(closed.mean()) if len(closed) else float("nan"),
            "closed_mm_worst": float(closed.max()) if len(closed) else float("nan"),
        }
    return figures


def shapes(found: dict[str, list[Seen]]) -> dict[str, dict[str, float]]:
    """Mean of SHOWN_BY's blendshapes minus neutral's."""
    means = {e: np.concatenate([one.shapes for one in voices]).mean(0) for e, voices in found.items()}
    names = found["neutral"][0].names
    return {
        emotion: {name: float((means[emotion] - means["neutral"])[names.index(name)]) for name in wanted}
        for emotion, wanted in SHOWN_BY.items()
    }


def _look(avatar: Avatar, performance: Performance, rows: np.ndarray, judge: Judge, tracker: Any) -> Seen:
    told = Performance.join([performance[row : row + 1] for row in rows])
    pictures = np.stack(list(avatar.renderer(SIZE, threads=1).frames([told])))
    meshes, shapes, names = _tracked(pictures, tracker)
    wanted = told.landmarks.points
    return Seen(
        judged=judge.probabilities(pictures, meshes),
        judged_with_forehead=judge.probabilities(pictures, meshes, forehead=FOREHEAD),
        tracked=mouth_openness(meshes) * _decimetres_per_pixel(avatar, told),
        wanted=mouth_openness(wanted),
        spoken=mouth_openness(told.lips.points),
        shapes=shapes,
        names=names,
    )


def _tracked(pictures: np.ndarray, tracker: Any) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The 68 points ``[N, 68, 2]`` in pixels, and the blendshapes ``[N, 52]`` with their names."""
    points, shapes, names = [], [], ()
    for picture in pictures:
        result = tracker.detect(image(picture))
        if not result.face_landmarks:
            raise EmoGeneError("the tracker sees no face in a rendered frame")
        mesh = result.face_landmarks[0]
        points.append([(mesh[i].x * SIZE, mesh[i].y * SIZE) for i in MEDIAPIPE_68])
        shapes.append([shape.score for shape in result.face_blendshapes[0]])
        names = tuple(shape.category_name for shape in result.face_blendshapes[0])
    return np.array(points), np.array(shapes), names


def _decimetres_per_pixel(avatar: Avatar, performance: Performance) -> np.ndarray:
    """``[T]``, at the face, by the distance between the outer corners of the eyes."""
    points = performance.landmarks.points
    pixels = avatar.camera.project(performance.head.to_camera(points)) * (SIZE / avatar.camera.height)
    first, second = OUTER_EYE_CORNERS
    length, shown = (np.linalg.norm(p[:, first] - p[:, second], axis=-1) for p in (points, pixels))
    return length / shown
