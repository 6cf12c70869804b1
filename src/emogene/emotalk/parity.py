"""The official EmoTalk in named weights, for :mod:`emogene.parity`."""

from collections.abc import Mapping

import numpy as np
import torch

from emogene.emotalk.official import OfficialEmoTalk, ready
from emogene.weights.named import fill_by_name


def emotalk(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``audio [n]`` at 16 kHz, ``level``, ``person`` -> ``blendshapes [T, 52]`` before post-processing."""
    samples, level, person = inputs["audio"], int(inputs["level"].item()), int(inputs["person"].item())
    return {"blendshapes": named_emotalk().predict(samples.reshape(-1), level, person)}


def named_emotalk(dtype: torch.dtype = torch.float32) -> OfficialEmoTalk:
    """The full-size network in named weights, ready for inference on the CPU."""
    with torch.device("meta"):
        model = OfficialEmoTalk()
    model.to_empty(device="cpu")
    fill_by_name(model)
    return ready(model, "cpu", dtype)
