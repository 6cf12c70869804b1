"""Which pixels a step of training looks at: the head, and more often what the eye looks at."""

from dataclasses import dataclass

import numpy as np

from emogene.avatar.capture.dataset import TrainingSet
from emogene.face.landmarks import EYES, MOUTH, eye_openness, mouth_openness


@dataclass(frozen=True)
class Regions:
    """Boxes ``[N, 4, 4]`` of every frame (head, face, mouth, eyes; x0 y0 x1 y1 in pixels), and shares."""

    boxes: np.ndarray
    shares: tuple[float, ...] = (0.4, 0.15, 0.3, 0.15)

    @classmethod
    def of(cls, data: TrainingSet) -> "Regions":
        points = data.pixels[..., :2]
        size, middle = data.colour.shape[1], points.mean(1)
        around = np.array([-0.35, -0.55, 0.35, 0.42]) * size
        head = np.tile(middle, 2) + around
        parts = [
            _box(points[:, part], margin)
            for part, margin in ((slice(17, 68), 0.15), (MOUTH, 0.4), (EYES, 0.2))
        ]
        return cls(np.stack([head, *parts], 1))

    def draw(self, frames: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
        """One pixel (column, row) per entry of ``frames``: int ``[R, 2]``."""
        box = self.boxes[frames, random.choice(len(self.shares), len(frames), p=self.shares)]
        place = box[:, :2] + random.random((len(frames), 2)) * (box[:, 2:] - box[:, :2])
        return np.clip(place, 0, size - 1).astype(int)


def _box(points: np.ndarray, margin: float) -> np.ndarray:
    """Bounding boxes ``[N, 4]`` of ``points [N, P, 2]``, grown by ``margin`` half widths."""
    low, high = points.min(1), points.max(1)
    grow = margin * (high[:, :1] - low[:, :1]) / 2
    return np.concatenate([low - grow, high + grow], 1)


def frame_shares(points: np.ndarray, emphasis: float = 3.0) -> np.ndarray:
    """How often to draw each frame ``[N, 68, 3] -> [N]``, sum 1: open mouths and closing eyes more often.

    They are rare in a video, yet a face that never quite shuts its eyes looks drowsy.
    """
    mouth, eyes = mouth_openness(points), -eye_openness(points)
    share = np.ones(len(points))
    for measure in (mouth, eyes):
        usual, extreme = np.quantile(measure, [0.8, 0.99])
        share += emphasis * np.clip((measure - usual) / (extreme - usual), 0, 1)
    return share / share.sum()
