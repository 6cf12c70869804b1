"""EmoGene: speech in, an emotional talking head out."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emogene.avatar import Avatar
    from emogene.emotalk import Emotion
    from emogene.errors import EmoGeneError
    from emogene.pipeline import EmoGene, Result

__version__ = "0.1.0"
__all__ = ["Avatar", "EmoGene", "EmoGeneError", "Emotion", "Result", "__version__"]

_HOME = {
    "Avatar": "avatar",
    "EmoGene": "pipeline",
    "EmoGeneError": "errors",
    "Emotion": "emotalk",
    "Result": "pipeline",
}


def __getattr__(name: str) -> object:
    """Imports on first use, so that ``emogene --help`` does not wait for PyTorch."""
    if name not in _HOME:
        raise AttributeError(f"module 'emogene' has no attribute {name!r}")
    return getattr(import_module(f"emogene.{_HOME[name]}"), name)
