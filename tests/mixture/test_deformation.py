import zlib

import numpy as np
import pytest
import torch

from emogene.errors import EmoGeneError
from emogene.mixture.deformation import LABELS, LandmarkDeformation


def named_network() -> LandmarkDeformation:
    """The weights that the recordings were made with: each a function of its key and shape alone."""
    network = LandmarkDeformation()
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            rng = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
            normal = rng.standard_normal(tuple(tensor.shape)).astype(np.float32)
            scale = 0.05 if tensor.ndim == 1 else np.float32(tensor.shape[1] ** -0.5)
            tensor.copy_(torch.from_numpy(normal * scale))
    return network


def test_official_numbers(recorded):
    network, given = named_network(), recorded["deformation_in"].reshape(-1, 68, 3)
    for i, emotion in enumerate(LABELS):
        moved = network.deform(given, emotion).reshape(-1, 204)
        np.testing.assert_allclose(moved, recorded[f"deformation_out{i}"], atol=1e-4)


def test_keys_of_the_checkpoint():
    shapes = {key: list(tensor.shape) for key, tensor in LandmarkDeformation().state_dict().items()}
    assert shapes == {
        "emotion_embedding.weight": [8, 16],
        "regressor.0.weight": [256, 220], "regressor.0.bias": [256],
        "regressor.2.weight": [256, 256], "regressor.2.bias": [256],
        "regressor.4.weight": [204, 256], "regressor.4.bias": [204],
    }  # fmt: skip


def test_amount_scales_and_unknown_labels_are_an_error():
    network, given = named_network(), np.random.default_rng(0).normal(size=(2, 68, 3))
    np.testing.assert_allclose(network.deform(given, "sad", 0), given, atol=1e-6)
    half, whole = (network.deform(given, "sad", amount) - given for amount in (0.5, 1))
    np.testing.assert_allclose(whole, 2 * half, atol=1e-5)
    with pytest.raises(EmoGeneError, match="joyful"):
        network.deform(given, "joyful")
