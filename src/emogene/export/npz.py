"""The motion as arrays."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from emogene.performance import Performance


class NpzMotion:
    """What the video shows, as numpy arrays of T frames (float32 but for ``fps``); README.md lists them.

    ``about``: JSON of how it was made, with the unit and the space of the landmarks.
    """

    def __init__(self, about: Mapping[str, object]) -> None:
        self._about, self._pieces = dict(about), []

    def add(self, performance: Performance) -> None:
        self._pieces.append(performance)

    def write(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays(Performance.join(self._pieces), self._about))


def arrays(performance: Performance, about: Mapping[str, object]) -> dict[str, np.ndarray]:
    """By name."""
    space = {"unit": "decimetre", "space": "canonical: x to the viewer's right, y up, z to the viewer"}
    told = {
        "fps": np.float64(performance.fps),
        "about": np.array(json.dumps({**about, "landmarks": space})),
        "mixed": performance.landmarks.points,
        "geneface": performance.lips.points,
        "emotalk": performance.emotion.points,
        "blendshapes": performance.blendshapes.values,
        "blendshape_names": np.array(performance.blendshapes.names),
        "speech_blendshapes": performance.speech_shapes.values,
        "emotion_blendshapes": performance.emotion_shapes.values,
        "blink": performance.blink.values[:, 0],
        "gaze": performance.gaze.values,
        "head_rotation": performance.head.rotation,
        "head_translation": performance.head.translation,
        "loudness": performance.loudness.values[:, 0],
    }
    if performance.heard is not None:
        told |= {
            "emotion_probs": performance.heard.values,
            "emotion_names": np.array(performance.heard.names),
        }
    if performance.shown is not None:
        names = np.array(performance.shown.names)
        told |= {"emotion_amounts": performance.shown.values, "emotion_amount_names": names}
    return {name: np.asarray(value) for name, value in told.items()}
