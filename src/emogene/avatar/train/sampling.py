"""Which frames a step of training looks at: more often those in which the face does what is rare."""

import numpy as np

from emogene.face.landmarks import eye_openness, mouth_openness


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
