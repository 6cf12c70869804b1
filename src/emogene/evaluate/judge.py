"""An independent judge of faces: which of seven emotions a picture shows.

The classifier of the package `fer` 25.10.3 (Justin Shenk; MIT, assets/judge.LICENSE), trained on FER2013:
small grey faces from the web. It never saw this project, and nothing here is tuned to it. Needs
`ai-edge-litert` (extra ``avatar``).
"""

from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image

from emogene.errors import EmoGeneError

CLASSES = ("angry", "disgust", "fearful", "happy", "sad", "surprised", "neutral")
"""In the classifier's order, by our names."""
MARGIN = 1.1  # of the square around the face
FOREHEAD = 0.21
"""Of the 68 points' height: what a face detector's box, and so the faces that the classifier learnt from, has
above the brows."""


class Judge:
    """One interpreter; not for several threads at once."""

    def probabilities(self, pictures: np.ndarray, points: np.ndarray, forehead: float = 0) -> np.ndarray:
        """``pictures [N, H, W, 3]`` uint8 sRGB with ``points [N, 68, 2 or 3]`` in pixels -> ``[N, 7]``.

        ``forehead``: how much of it joins the face, see :func:`face_square`.
        """
        return np.stack([self._one(p, q[:, :2], forehead) for p, q in zip(pictures, points, strict=True)])

    def _one(self, picture: np.ndarray, points: np.ndarray, forehead: float) -> np.ndarray:
        asked, given = self._model.get_input_details()[0], self._model.get_output_details()[0]
        face = face_square(picture, points, int(asked["shape"][1]), forehead)
        values = ((face / 255 - 0.5) * 2).astype(np.float32)[None, ..., None]
        self._model.set_tensor(asked["index"], values)
        self._model.invoke()
        return self._model.get_tensor(given["index"])[0]

    @cached_property
    def _model(self) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise EmoGeneError("judging faces needs LiteRT: pip install 'emogene[avatar]'") from error
        model = Interpreter(str(files("emogene") / "assets" / "judge.tflite"), num_threads=1)
        model.allocate_tensors()
        return model


def face_square(picture: np.ndarray, points: np.ndarray, size: int, forehead: float) -> np.ndarray:
    """The square around the face of landmarks ``[68, 2]``, grey, ``[size, size]`` in 0..255; ``forehead``
    above the brows, as a share of the landmarks' height, is part of the face."""
    low, high = points.min(0), points.max(0)
    low = low - [0, forehead * (high[1] - low[1])]
    centre, half = (low + high) / 2, MARGIN * (high - low).max() / 2
    box = (*(centre - half), *(centre + half))
    grey = Image.fromarray(picture).convert("L")
    # Reduced before it is sampled, as the classifier's own faces were.
    sampled = grey.transform((4 * size, 4 * size), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
    return np.asarray(sampled.resize((size, size), Image.Resampling.BOX))
