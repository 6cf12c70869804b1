"""Full-size official networks in weights made from their names, for :mod:`emogene.parity`.

Every function takes arrays by name and returns arrays by name: see docs/parity.md.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from emogene.audio2motion.vae import PitchContourVAE
from emogene.reference.emotalk import OfficialEmoTalk, ready
from emogene.reference.named import fill_by_name
from emogene.reference.radnerf import checkpoint as radnerf
from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.rays import official_rays
from emogene.reference.radnerf.renderer import FrameState, Portrait, Renderer
from emogene.reference.radnerf.superres import SuperResolution, SuperResolutionConfig
from emogene.reference.radnerf.torso import TorsoConfig, TorsoField

Arrays = Mapping[str, np.ndarray]
SIZE = 256


def emotalk(inputs: Arrays) -> dict[str, np.ndarray]:
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


@torch.no_grad()
def audio2motion(inputs: Arrays) -> dict[str, np.ndarray]:
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


def may(torso: bool) -> Portrait:
    """GeneFace++ May with super-resolution, the head alone or with the torso, in named weights."""
    head = HeadField(HeadConfig(window=3, blink_width=4 if torso else 2, ambient_weight=not torso))
    body = TorsoField(TorsoConfig(condition="landmarks", head_aware=True)) if torso else None
    portrait = Portrait(head, body, SuperResolution(SuperResolutionConfig()))
    for module, prefix in radnerf.parts(portrait):
        fill_by_name(module, prefix)
    return portrait


def _tensor(inputs: Arrays, name: str) -> Tensor:
    value = torch.from_numpy(np.ascontiguousarray(inputs[name]))
    return value if value.dtype == torch.uint8 else value.float()


@torch.no_grad()
def named_frame(
    inputs: Arrays, torso: bool, dtype: torch.dtype = torch.float32
) -> tuple[Renderer, FrameState]:
    """The renderer and the frame that ``inputs`` describe: see docs/parity.md."""
    portrait = may(torso)
    portrait.head.density_bitfield.copy_(_tensor(inputs, "density_bitfield"))
    if portrait.torso is not None:
        portrait.torso.density_grid_torso.copy_(_tensor(inputs, "density_grid_torso").flatten())
    threshold = float(np.asarray(inputs.get("T_thresh", 0.01)).item())
    renderer = Renderer(portrait, SIZE, _tensor(inputs, "bg").flatten(), dtype, threshold)
    condition = portrait.head.condition(_tensor(inputs, "cond"), _tensor(inputs, "eye"))
    rays = official_rays(_tensor(inputs, "pose").reshape(4, 4), SIZE)
    landmarks = _tensor(inputs, "lm68").reshape(1, 136) if torso else None
    return renderer, FrameState(rays, condition, landmarks)


def _frame(inputs: Arrays, torso: bool) -> dict[str, np.ndarray]:
    renderer, state = named_frame(inputs, torso)
    layers = renderer.layers(state)
    result = {
        "rgb": layers.image.T.reshape(3, SIZE, SIZE),
        "rgb_sr": renderer.enlarge(layers.image),
        "depth": layers.depth.reshape(SIZE, SIZE),
    }
    if torso:
        result["alpha"] = layers.torso.reshape(SIZE, SIZE)
    return {name: value.numpy() for name, value in result.items()}


def head_sr(inputs: Arrays) -> dict[str, np.ndarray]:
    """One frame of the head: see docs/parity.md."""
    return _frame(inputs, torso=False)


def torso_sr(inputs: Arrays) -> dict[str, np.ndarray]:
    """One frame of head and torso: see docs/parity.md."""
    return _frame(inputs, torso=True)


@torch.no_grad()
def sr(inputs: Arrays) -> dict[str, np.ndarray]:
    """Super-resolution alone: ``rgb [3, 256, 256]``, ``noise`` none or const -> ``rgb_sr [3, 512, 512]``."""
    network = SuperResolution(SuperResolutionConfig())
    fill_by_name(network)
    const = str(np.asarray(inputs.get("noise", "none")).item()) == "const"
    return {"rgb_sr": network(_tensor(inputs, "rgb")[None], "const" if const else "none")[0].numpy()}
