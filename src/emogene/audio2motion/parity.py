"""The official audio-to-motion network in named weights, for :mod:`emogene.parity`."""

from collections.abc import Mapping

import numpy as np
import torch

from emogene.audio2motion.vae import PitchContourVAE
from emogene.weights.named import fill_by_name


@torch.no_grad()
def audio2motion(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``hubert [1, 2T, 1024]``, ``f0 [1, 2T]``, ``mouth_amp``, ``temperature``, ``z_noise [1, 16, T/4]``
    before the temperature -> ``exp [1, T, 64]``; the pitch variant with the mouth embedding."""
    vae = named_vae()
    hubert, f0, noise = (torch.from_numpy(inputs[key]).float() for key in ("hubert", "f0", "z_noise"))
    condition = vae.condition(hubert, f0, inputs["mouth_amp"].item())
    return {"exp": vae.sample(condition, noise * inputs["temperature"].item()).numpy()}


def named_vae() -> PitchContourVAE:
    """The full-size network with the mouth embedding, in named weights."""
    vae = PitchContourVAE().eval()
    fill_by_name(vae)
    return vae
