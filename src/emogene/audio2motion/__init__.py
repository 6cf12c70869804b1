"""Stage 2: speech to lip-synced landmarks, by the pitch-aware VAE with flow prior of GeneFace++."""

from importlib import import_module
from typing import TYPE_CHECKING

from emogene.errors import EmoGeneError
from emogene.lazy import lazily

if TYPE_CHECKING:
    from emogene.audio2motion.interface import LipModel
    from emogene.audio2motion.lips import Audio2Motion

__all__ = ["LIP_MODELS", "Audio2Motion", "LipModel", "lip_model"]

LIP_MODELS = {"embedded": "emogene.audio2motion.lips:Audio2Motion"}
"""Name -> ``module:class``, whose ``from_embedded(device)`` makes a :class:`LipModel`; one more is a line."""

__getattr__ = lazily(__name__, {"Audio2Motion": "lips", "LipModel": "interface"})


def lip_model(name: str, device: str = "cpu") -> "LipModel":
    """The lip model of this name; EmoGeneError for one that is not in :data:`LIP_MODELS`."""
    if name not in LIP_MODELS:
        raise EmoGeneError(f"unknown lip model {name!r}; choose {', '.join(LIP_MODELS)}")
    module, model = LIP_MODELS[name].split(":")
    return getattr(import_module(module), model).from_embedded(device)
