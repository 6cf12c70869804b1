"""Deterministic weights from nothing but a tensor's name: what parity with the official code is checked with.

Every floating tensor of an official checkpoint gets a value that depends on its official key and its shape
only, so full-size networks can be compared without any weight file.
"""

import math
import zlib

import numpy as np
import torch
from torch import nn

_LEGACY = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
_KEPT = {
    *("aabb_train", "aabb_infer", "density_grid", "density_bitfield", "step_counter", "offsets"),
    *("num_batches_tracked", "density_grid_torso", "resample_filter", "_float_tensor"),
}


def legacy_key(key: str) -> str:
    """The name that weight normalisation had in the checkpoints."""
    for new, old in _LEGACY.items():
        key = key.replace(new, old)
    return key


def named_tensor(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 value of the tensor with this official key, of a scale that suits its kind."""
    random = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    noise = np.asarray(random.standard_normal(shape), np.float32)
    last = key.rsplit(".", 1)[-1]
    if last == "running_var":
        return 1 + np.float32(0.1) * np.abs(noise)
    if last == "lambda_ambient":
        return np.abs(noise)
    if last == "embeddings":
        return np.float32(0.5) * noise
    if last == "weight_g" or (len(shape) <= 1 and last == "weight"):
        return (1 + 0.1 * noise).astype(np.float32)
    if len(shape) <= 1 or last == "running_mean":
        return np.float32(0.05) * noise
    fan_in = math.prod(shape[1:])
    return noise * np.float32(1 / math.sqrt(max(fan_in, 1)))


@torch.no_grad()
def fill_by_name(module: nn.Module, prefix: str = "") -> None:
    """Gives every trained tensor of ``module`` its named value; ``prefix`` completes the official key."""
    for key, tensor in module.state_dict(prefix=prefix).items():
        if tensor.is_floating_point() and key.rsplit(".", 1)[-1] not in _KEPT:
            value = torch.from_numpy(np.asarray(named_tensor(legacy_key(key), tuple(tensor.shape))))
            tensor.copy_(value.reshape(tensor.shape))
