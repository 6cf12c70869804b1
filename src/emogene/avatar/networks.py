"""A portrait's networks in an avatar file: hyper-parameters in the JSON header, weights among the tensors."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from emogene.motion2video.field import HeadConfig, HeadField
from emogene.motion2video.grid import GridConfig
from emogene.motion2video.renderer import Portrait
from emogene.motion2video.superres import SuperResolution, SuperResolutionConfig
from emogene.motion2video.torso import TorsoConfig, TorsoField

M = TypeVar("M", bound=nn.Module)
_LARGE = 2**14  # values in a tensor


def networks_header(portrait: Portrait) -> dict[str, Any]:
    """The configuration of head, torso and superres (None for what the portrait lacks), for JSON."""
    modules = {"head": portrait.head, "torso": portrait.torso, "superres": portrait.superres}
    return {part: module and asdict(module.config) for part, module in modules.items()}


def networks_tensors(portrait: Portrait, half: bool) -> dict[str, Tensor]:
    """The weights, each under the name of its part; ``half``: large ones in half precision."""
    modules = {"head": portrait.head, "torso": portrait.torso, "superres": portrait.superres}
    tensors: dict[str, Tensor] = {}
    for part, module in modules.items():
        for key, value in ({} if module is None else module.state_dict()).items():
            smaller = half and value.dtype == torch.float32 and value.numel() > _LARGE
            tensors[f"{part}.{key}"] = value.half() if smaller else value.contiguous()
    return tensors


def read_networks(header: dict[str, Any], tensors: dict[str, Tensor]) -> Portrait:
    """What :func:`networks_header` and :func:`networks_tensors` wrote; KeyError, TypeError, ValueError or
    RuntimeError where it is not."""

    def module(part: str, make: Callable[[dict[str, Any]], M]) -> M | None:
        if not header[part]:
            return None
        built, prefix = make(header[part]), f"{part}."
        built.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        return built.eval()

    head = module("head", lambda h: HeadField(HeadConfig(**from_json(h))))
    if head is None:
        raise ValueError("a portrait without a head")
    return Portrait(
        head,
        module("torso", lambda h: TorsoField(TorsoConfig(**from_json(h)))),
        module("superres", lambda h: SuperResolution(SuperResolutionConfig(**from_json(h)))),
    )


def from_json(values: dict[str, Any]) -> dict[str, Any]:
    """Hyper-parameters from JSON: grids are dataclasses again, lists tuples."""
    result = dict(values)
    for key, value in values.items():
        if isinstance(value, dict):
            result[key] = GridConfig(**value)
        elif isinstance(value, list):
            result[key] = tuple(value)
    return result
