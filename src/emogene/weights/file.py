"""A network and its file: safetensors, with the format, the network's config and notes as strings in the
header. All our networks are kept by :func:`save_network` and read by :func:`open_network`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from emogene.errors import EmoGeneError
from emogene.output import replacing
from emogene.weights.header import unreadable

C = TypeVar("C")
M = TypeVar("M", bound=nn.Module)
Storage = Literal["float32", "float16", "int8"]

LARGE = 4096  # values; smaller tensors (biases, norms) stay in float32
_NOT_NOTES = ("format", "config")
_COUNTER = "num_batches_tracked"  # of normalisation: training's alone
_SCALE = ".scale"


@dataclass(frozen=True)
class Format(Generic[C, M]):
    """A kind of file: what is in it, the version that this EmoGene reads, and what it is built by.

    ``what``: in messages, with its article ("a speech encoder"). ``config``: a dataclass whose fields are
    numbers, strings, tuples or such dataclasses. ``network``: makes the network of a config; the network
    keeps it as ``config``.
    """

    name: str
    version: int
    what: str
    config: type[C]
    network: Callable[[C], M]

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"


def save_network(
    net: nn.Module, path: str | Path, format: Format, notes: Mapping[str, str], storage: Storage = "float16"
) -> None:
    """Write ``net`` to ``path``, whole or not at all, with ``notes`` (licence, source) beside its config.

    ``storage`` of tensors with more than :data:`LARGE` values: "int8" has a scale for each output, so a step
    is 1/127 of that output's largest weight. The rest is float32.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in net.state_dict().items():
        if not name.endswith(_COUNTER):
            tensors |= _stored(name, value.detach().cpu(), storage)
    config = json.dumps(asdict(net.config))  # pyright: ignore[reportArgumentType, reportCallIssue]
    header = {**notes, "format": str(format), "config": config}
    with replacing(path) as part:
        save_file({name: value.contiguous() for name, value in tensors.items()}, part, header)
        part.chmod(0o644)


def open_network(path: str | Path, format: Format[C, M]) -> tuple[M, dict[str, str]]:
    """The network in float32, for inference, and the notes beside it. Raises EmoGeneError, one line with the
    reason, where ``path`` is not a file of this ``format``; MemoryError where there is not enough.

    Files from before formats were named (their config is under "config" or "emogene") are read too.
    """
    path = Path(path)
    strings, tensors = read_tensors(path, format.what)
    if strings.get("format", str(format)) != str(format):
        raise EmoGeneError(
            f"{path}: not {format.what} of this version (its format is {strings['format']}, not {format})"
        )
    with damage_in_one_line(path, format.what):
        text = strings["config"] if "config" in strings else strings["emogene"]
        net = built(format.network, from_json(format.config, json.loads(text)), _restored(tensors))
    return net.eval(), {name: text for name, text in strings.items() if name not in _NOT_NOTES}


def read_tensors(path: Path, what: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The strings in the header and the tensors as they are stored. EmoGeneError where ``path`` is not a
    safetensors file; ``what`` is what it should have been, with its article."""
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise EmoGeneError(f"{path}: not {what}, or damaged ({_first_line(error)})") from None
    except OSError as error:
        raise unreadable(path, error) from None


@contextmanager
def damage_in_one_line(path: Path, what: str) -> Iterator[None]:
    """What is found wrong while a file's contents are put together, as EmoGeneError with the file's name."""
    try:
        yield
    except KeyError as error:
        raise EmoGeneError(f"{path}: not {what}, or damaged (it lacks {error})") from error
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        if "DefaultCPUAllocator" in str(error):  # of PyTorch: not enough memory
            raise MemoryError(f"to load {path}") from error
        raise EmoGeneError(f"{path}: not {what}, or damaged ({_first_line(error)})") from error


def built(network: Callable[[C], M], config: C, state: Mapping[str, Tensor]) -> M:
    """``network(config)`` with the tensors of ``state`` as its weights, which are not copied.

    None are made first: that would take time, and would draw from the caller's random numbers. ValueError
    or RuntimeError where they do not fit.
    """
    with torch.device("meta"), _Unset():
        net = network(config)
    counters = {name: torch.tensor(0) for name in net.state_dict() if name.endswith(_COUNTER)}
    missing, unknown = net.load_state_dict(counters | dict(state), strict=False, assign=True)
    for wrong, names in (("missing", missing), ("unknown", unknown)):
        if names:
            raise ValueError(f"{wrong} weights: {', '.join(names[:3])}")
    return net


class _Unset(TorchFunctionMode):
    """Within it, on this thread, ``torch.nn.init`` does nothing: on "meta" tensors it would import PyTorch's
    compiler, for a second, to no effect."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        del types
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def from_json(kind: type[C], values: Mapping[str, Any]) -> C:
    """The dataclass ``kind`` from what ``json.dumps(asdict(...))`` made of it: lists are tuples again, and
    fields that are dataclasses too are made of their own values. TypeError, KeyError for other fields."""
    types = get_type_hints(kind)
    return kind(**{name: _field(types[name], value) for name, value in values.items()})


def _field(kind: Any, value: Any) -> Any:
    if isinstance(value, Mapping) and is_dataclass(kind):
        return from_json(kind, value)  # pyright: ignore[reportArgumentType]
    return tuple(value) if isinstance(value, list) else value


def _stored(name: str, value: Tensor, storage: Storage) -> dict[str, Tensor]:
    """The tensors that stand for ``value`` in a file."""
    if value.numel() <= LARGE or not value.is_floating_point():
        return {name: value.float() if value.is_floating_point() else value}
    if storage == "int8":
        scale = value.flatten(1).abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / 127
        return {name: (value / _column(scale, value)).round().to(torch.int8), f"{name}{_SCALE}": scale}
    return {name: value.half() if storage == "float16" else value.float()}


def _restored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In float32, and apart from the file; integers that have no scale beside them as they are."""
    scales = {name: tensors[f"{name}{_SCALE}"] for name, v in tensors.items() if v.dtype == torch.int8}
    plain = {name: value for name, value in tensors.items() if name.removesuffix(_SCALE) not in scales}
    state = {
        name: value.to(torch.float32 if value.is_floating_point() else value.dtype, copy=True)
        for name, value in plain.items()
    }
    return state | {name: tensors[name].float() * _column(s, tensors[name]) for name, s in scales.items()}


def _column(scale: Tensor, value: Tensor) -> Tensor:
    """``scale [outputs]`` as a factor of ``value [outputs, ...]``."""
    return scale.reshape(-1, *[1] * (value.ndim - 1))


def _first_line(error: BaseException) -> str:
    """PyTorch's messages have a first line without content."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 and lines[0].endswith(":") else (lines or [type(error).__name__])[0]
