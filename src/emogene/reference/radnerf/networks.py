"""A portrait's networks in an avatar file: hyper-parameters in the JSON header, weights among the tensors."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from torch import Tensor, nn

from emogene.reference.radnerf.field import HeadConfig, HeadField
from emogene.reference.radnerf.renderer import Portrait
from emogene.reference.radnerf.superres import SuperResolution, SuperResolutionConfig
from emogene.reference.radnerf.torso import TorsoConfig, TorsoField
from emogene.weights.file import from_json

C = TypeVar("C")
M = TypeVar("M", bound=nn.Module)


def networks_header(portrait: Portrait) -> dict[str, Any]:
    """The configuration of head, torso and superres (None for what the portrait lacks), for JSON."""
    return {part: module and asdict(module.config) for part, module in _modules(portrait).items()}


def networks_tensors(portrait: Portrait) -> dict[str, Tensor]:
    """The weights, each under the name of its part."""
    tensors: dict[str, Tensor] = {}
    for part, module in _modules(portrait).items():
        if module is not None:
            tensors |= module.state_dict(prefix=f"{part}.")
    return tensors


def read_networks(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Portrait:
    """What :func:`networks_header` and :func:`networks_tensors` wrote; KeyError, TypeError, ValueError or
    RuntimeError where it is not."""

    def module(part: str, make: Callable[[C], M], config: type[C]) -> M | None:
        if not header[part]:
            return None
        built, prefix = make(from_json(config, header[part])), f"{part}."
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
