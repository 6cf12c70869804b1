"""Splats as tensors of an avatar's file: a quarter of their size in memory, and the same picture."""

import numpy as np
import torch
from torch import Tensor

from emogene.motion2video.splats.gaussians import Gaussians
from emogene.motion2video.splats.layout import POSITION

POSITION_STEP = 1e-4
"""Positions are 16-bit multiples of it from their middle, dm: a hundredth of a millimetre, to 3.2 dm."""
CLIPPED = 0.9995
"""Quantile of a component's motion at which 8 bits end; the rarest values are clipped."""


def splat_tensors(name: str, splats: Gaussians) -> dict[str, Tensor]:
    """``NAME.position`` int16 ``[3, N]``, ``NAME.middle`` float32 ``[3]``; ``NAME.base`` half ``[10, N]``,
    the other rows; ``NAME.motion`` int8 ``[7, K, N]``, ``NAME.motion_scale`` float32 ``[7, K]``;
    ``NAME.groups`` uint8 ``[N]``.
    """
    # A value that occurs: what was read scales as it did when it was written.
    scale = np.quantile(np.abs(splats.motion), CLIPPED, axis=2, method="higher") / np.float32(127)
    motion = np.round(splats.motion / np.maximum(scale, 1e-12)[..., None]).clip(-127, 127)
    middle = splats.base[POSITION].mean(1)
    steps = np.round((splats.base[POSITION] - middle[:, None]) / POSITION_STEP)
    arrays = {
        "position": steps.clip(-32767, 32767).astype(np.int16),
        "middle": middle,
        "base": splats.base[3:].astype(np.float16),
        "motion": motion.astype(np.int8),
        "motion_scale": scale,
        "groups": splats.groups,
    }
    return {f"{name}.{key}": torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}


def read_splats(name: str, tensors: dict[str, Tensor]) -> Gaussians:
    """The splats that :func:`splat_tensors` wrote, in float32. Raises KeyError where a tensor is missing."""

    def floats(key: str) -> np.ndarray:
        return tensors[f"{name}.{key}"].numpy().astype(np.float32)

    position = floats("position") * np.float32(POSITION_STEP) + floats("middle")[:, None]
    motion = floats("motion") * floats("motion_scale")[..., None]
    base = np.concatenate([position, floats("base")])
    return Gaussians(base, motion, tensors[f"{name}.groups"].numpy())
