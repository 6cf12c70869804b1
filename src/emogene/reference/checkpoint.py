"""Reading the official checkpoints, which are pickles, without trusting them."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from emogene.errors import EmoGeneError

# A trainer leaves a few numpy numbers (best loss, step) beside the tensors. These only make values.
_NUMBERS: list[Any] = [
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(name)) for name in ("f4", "f8", "i4", "i8", "bool")),
]
_DAMAGE = OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError


def read_checkpoint(path: Path) -> Any:
    """What ``torch.save`` wrote, or a safetensors file, on the CPU; tensors, numbers, strings and containers
    only.

    Raises EmoGeneError, one line, where the file is missing, damaged or asks to run code.
    """
    if not path.is_file():
        raise EmoGeneError(f"{path}: no such checkpoint")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_NUMBERS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        if "Unsupported" in str(error) or "GLOBAL" in str(error) or "WeightsUnpickler" in str(error):
            reason = "it holds more than weights, and such a file could run code"
        raise EmoGeneError(f"{path}: refused: {reason}") from None
    except (*_DAMAGE, SafetensorError) as error:
        reason = (str(error).splitlines() or ["it ends early"])[0]
        raise EmoGeneError(f"{path}: damaged or not a checkpoint ({reason}); download it again") from None


def latest_checkpoint(folder: Path) -> Path:
    """The ``model_ckpt_steps_N.ckpt`` of the largest N in ``folder``; a file is returned as it is."""
    if folder.is_file():
        return folder
    steps = {
        int(match[1]): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := re.fullmatch(r"model_ckpt_steps_(\d+)\.ckpt", path.name))
    }
    if not steps:
        raise EmoGeneError(f"{folder}: no model_ckpt_steps_N.ckpt there")
    return steps[max(steps)]


def model_state(checkpoint: Any, path: Path) -> dict[str, Tensor]:
    """The weights in a trainer's container: ``["state_dict"]["model"]``, or flat with the prefix
    ``model.``."""
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    elif isinstance(state, dict) and any(str(key).startswith("model.") for key in state):
        state = {str(k).removeprefix("model."): v for k, v in state.items() if str(k).startswith("model.")}
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()) or not state:
        raise EmoGeneError(f"{path}: holds no model weights")
    return {str(key): value for key, value in state.items()}


def fill(module: nn.Module, state: dict[str, Tensor], path: Path, assign: bool = False) -> None:
    """Load strictly. Raises EmoGeneError that counts and names what is missing, extra or of another shape.

    ``assign``: take the tensors themselves, for a module on the meta device.
    """
    own = module.state_dict()
    wrong = {
        "missing": [key for key in own if key not in state],
        "unknown": [key for key in state if key not in own],
        "of another shape": [k for k in own if k in state and own[k].shape != state[k].shape],
    }
    found = [f"{len(keys)} {what} ({', '.join(keys[:3])})" for what, keys in wrong.items() if keys]
    if found:
        raise EmoGeneError(f"{path}: not the weights of {type(module).__name__}: {'; '.join(found)}")
    module.load_state_dict(state, assign=assign)
