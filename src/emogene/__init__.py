"""EmoGene: speech in, an emotional talking head out."""

from typing import TYPE_CHECKING

from emogene.lazy import lazily

if TYPE_CHECKING:
    from emogene.avatar import Avatar
    from emogene.emotalk import Emotion
    from emogene.errors import EmoGeneError
    from emogene.pipeline import EmoGene
    from emogene.result import Result

__version__ = "0.1.0"
__all__ = ["Avatar", "EmoGene", "EmoGeneError", "Emotion", "Result", "__version__"]

__getattr__ = lazily(
    __name__,
    {
        "Avatar": "avatar",
        "EmoGene": "pipeline",
        "EmoGeneError": "errors",
        "Emotion": "emotalk",
        "Result": "result",
    },
)
