"""Official GeneFace++ motion-to-video checkpoints: sizes from the tensors, weights into our classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from emogene.errors import EmoGeneError
from emogene.reference.checkpoint import fill, latest_checkpoint, model_state, read_checkpoint
from emogene.reference.radnerf.encodings import frequency_width
from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.grid_config import FEATURES, GridConfig
from emogene.reference.radnerf.renderer import Portrait
from emogene.reference.radnerf.superres import SuperResolution, SuperResolutionConfig
from emogene.reference.radnerf.torso import CONDITION_OCTAVES, OCTAVES, TorsoConfig, TorsoField

Shapes = Mapping[str, tuple[int, ...]]
SR_PREFIX = "sr_net."
TORSO_PREFIXES = ("torso_", "density_grid_torso", "head_color_weights_encoder")


RELEASED: Mapping[str, Any] = {
    "desired_resolution": 2048,
    "bound": 1,
    "grid_type": "tiledgrid",
    "grid_interpolation_type": "linear",
    "max_steps": 16,
    "dt_gamma": 1 / 256,
    "torso_shrink": 0.8,
    "camera_scale": 4.0,
}
"""What the released models' ``config.yaml`` say of all that tensors do not tell."""


@dataclass(frozen=True)
class Options:
    """What the tensors do not tell: the trainer's ``config.yaml``; the defaults are :data:`RELEASED`."""

    finest_resolution: int = 2048
    hashed: bool = False
    smoothstep: bool = False
    max_steps: int = 16
    dt_gamma: float = 1 / 256
    torso_shrink: float = 0.8

    @classmethod
    def of(cls, hparams: Mapping[str, Any]) -> "Options":
        """From the merged hyper-parameters of a GeneFace++ task; KeyError where one of :data:`RELEASED` is
        not among them."""
        return cls(
            finest_resolution=int(hparams["desired_resolution"] * hparams["bound"]),
            hashed=hparams["grid_type"] == "hashgrid",
            smoothstep=hparams["grid_interpolation_type"] == "smoothstep",
            max_steps=hparams["max_steps"],
            dt_gamma=hparams["dt_gamma"],
            torso_shrink=hparams["torso_shrink"],
        )


def _grid(shapes: Shapes, name: str, dimensions: int, options: Options) -> GridConfig:
    shape = shapes[f"{name}.embeddings"]
    for log2_rows in range(8, 25):
        config = GridConfig(
            dimensions=dimensions,
            levels=shapes[f"{name}.offsets"][0] - 1,
            finest_resolution=options.finest_resolution,
            log2_rows=log2_rows,
            hashed=options.hashed,
            smoothstep=options.smoothstep,
        )
        if (config.rows, FEATURES) == shape:
            return config
    raise ValueError(f"{name}: no grid of shape {shape} ends at resolution {options.finest_resolution}")


def _layers(shapes: Shapes, name: str) -> int:
    return sum(key.startswith(f"{name}.net.") for key in shapes)


def head_config(shapes: Shapes, options: Options) -> HeadConfig:
    """The sizes of a head from the shapes of its checkpoint. Raises KeyError or ValueError for another's."""
    individuals, individual_width = shapes["individual_embeddings"]
    ambient_width, ambient_hidden = shapes[f"ambient_net.net.{_layers(shapes, 'ambient_net') - 1}.weight"]
    geometry, sigma_hidden = shapes[f"sigma_net.net.{_layers(shapes, 'sigma_net') - 1}.weight"]
    return HeadConfig(
        condition_width=shapes["cond_prenet.encoder_fc1.2.weight"][0],
        condition_inputs=shapes["cond_prenet.encoder_conv.0.weight"][1],
        window=shapes["cond_att_net.attentionNet.0.weight"][0],
        blink_width=shapes.get("blink_encoder.1.weight", (0,))[0],
        blink_embedding=shapes.get("blink_embedding.weight", (1, 0))[1],
        position_grid=_grid(shapes, "position_embedder", 3, options),
        ambient_width=ambient_width,
        ambient_grid=_grid(shapes, "ambient_embedder", ambient_width, options),
        ambient_hidden=ambient_hidden,
        ambient_layers=_layers(shapes, "ambient_net"),
        sigma_hidden=sigma_hidden,
        sigma_layers=_layers(shapes, "sigma_net"),
        geometry_width=geometry - 1,
        colour_hidden=shapes["color_net.net.0.weight"][0],
        colour_layers=_layers(shapes, "color_net"),
        individuals=individuals,
        individual_width=individual_width,
        grid_size=round((shapes["density_bitfield"][0] * 8) ** (1 / 3)),
        max_steps=options.max_steps,
        step_gamma=options.dt_gamma,
        ambient_weight="lambda_ambient" in shapes,
    )


def torso_config(shapes: Shapes, options: Options) -> TorsoConfig:
    """The sizes of a torso from the shapes of its checkpoint."""
    individuals, code = shapes["torso_individual_codes"]
    aware = "head_color_weights_encoder.0.weight" in shapes
    hidden, inputs = shapes["torso_deform_net.net.0.weight"]
    encoded = inputs - frequency_width(2, OCTAVES) - code - 16 * aware
    return TorsoConfig(
        condition="pose" if encoded == frequency_width(6, CONDITION_OCTAVES) else "landmarks",
        head_aware=aware,
        individuals=individuals,
        individual_width=code,
        grid=_grid(shapes, "torso_embedder", 2, options),
        deform_hidden=hidden,
        canonical_hidden=shapes["torso_canonicial_net.net.0.weight"][0],
        layers=_layers(shapes, "torso_deform_net"),
        shrink=options.torso_shrink,
        grid_size=round(shapes["density_grid_torso"][0] ** 0.5),
    )


def build(shapes: Shapes, options: Options | None = None) -> Portrait:
    """The networks that a checkpoint with these keys and shapes belongs to, not yet filled."""
    options = options or Options()
    torso = TorsoField(torso_config(shapes, options)) if "torso_individual_codes" in shapes else None
    superres = None
    if SR_PREFIX + "block0.conv0.weight" in shapes:
        size = shapes[SR_PREFIX + "block0.conv0.noise_const"][0]
        channels = tuple(shapes[f"{SR_PREFIX}block{i}.conv0.weight"][0] for i in (0, 1))
        superres = SuperResolution(SuperResolutionConfig(size=size, channels=channels))
    return Portrait(HeadField(head_config(shapes, options)), torso, superres)


def parts(portrait: Portrait) -> list[tuple[nn.Module, str]]:
    """Each network with the prefix of its keys in an official checkpoint."""
    pairs = (portrait.head, ""), (portrait.torso, ""), (portrait.superres, SR_PREFIX)
    return [(module, prefix) for module, prefix in pairs if module is not None]


def official_state(portrait: Portrait) -> dict[str, Tensor]:
    """The state dict that the official code would save."""
    state: dict[str, Tensor] = {}
    for module, prefix in parts(portrait):
        state |= module.state_dict(prefix=prefix)
    return state


def load(path: Path, options: Options | None = None) -> Portrait:
    """A head or torso checkpoint, with or without SR: a file, or a folder with ``model_ckpt_steps_N.ckpt``.

    Raises EmoGeneError where the file is missing, damaged, or another model's.
    """
    path = latest_checkpoint(path)
    state = model_state(read_checkpoint(path), path)
    try:
        portrait = build({key: tuple(value.shape) for key, value in state.items()}, options)
    except (KeyError, ValueError, IndexError) as error:
        raise EmoGeneError(f"{path}: not a GeneFace++ motion-to-video checkpoint ({error})") from None
    for module, prefix in parts(portrait):
        own = {
            key.removeprefix(prefix): value for key, value in state.items() if _belongs(key, module, prefix)
        }
        fill(module, own, path)
    return portrait


def _belongs(key: str, module: nn.Module, prefix: str) -> bool:
    if prefix:
        return key.startswith(prefix)
    torso = key.startswith(TORSO_PREFIXES)
    return not key.startswith(SR_PREFIX) and torso == isinstance(module, TorsoField)
