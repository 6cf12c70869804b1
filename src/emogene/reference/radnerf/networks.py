"""A portrait's networks in an avatar file: hyper-parameters in the JSON header, weights among the tensors."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.renderer import Portrait
from emogene.reference.radnerf.superres import SuperResolution, SuperResolutionConfig
from emogene.reference.radnerf.torso import TorsoConfig, TorsoField
from emogene.weights.file import from_json

C = TypeVar("C")
M = TypeVar("M", bound=nn.Module)
_LARGE = 2**14  # values in a tensor
_FORMER = {"color_hidden": "colour_hidden", "color_layers": "colour_layers"}  # in files of version 0.1
_DROPPED = ("density_threshold",)


def networks_header(portrait: Portrait) -> dict[str, Any]:
    """The configuration of head, torso and superres (None for what the portrait lacks), for JSON."""
    return {part: module and asdict(module.config) for part, module in _modules(portrait).items()}


def networks_tensors(portrait: Portrait, half: bool) -> dict[str, Tensor]:
    """The weights, each under the name of its part; ``half``: large ones in half precision."""
    tensors: dict[str, Tensor] = {}
    for part, module in _modules(portrait).items():
        for key, value in ({} if module is None else module.state_dict()).items():
            smaller = half and value.dtype == torch.float32 and value.numel() > _LARGE
            tensors[f"{part}.{key}"] = value.half() if smaller else value
    return tensors


def read_networks(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Portrait:
    """What :func:`networks_header` and :func:`networks_tensors` wrote; KeyError, TypeError, ValueError or
    RuntimeError where it is not."""

    def module(part: str, make: Callable[[C], M], config: type[C]) -> M | None:
        if not header[part]:
            return None
        built, prefix = make(from_json(config, _current(header[part]))), f"{part}."
        built.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        return built.eval()

    head = module("head", HeadField, HeadConfig)
    if head is None:
        raise ValueError("a portrait without a head")
    return Portrait(
        head=head,
        torso=module("torso", TorsoField, TorsoConfig),
        superres=module("superres", SuperResolution, SuperResolutionConfig),
    )


def _modules(portrait: Portrait) -> dict[str, HeadField | TorsoField | SuperResolution | None]:
    return {"head": portrait.head, "torso": portrait.torso, "superres": portrait.superres}


def _current(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters under the names that they have now."""
    return {_FORMER.get(name, name): value for name, value in values.items() if name not in _DROPPED}
