"""Stage 1, emotion-aware motion: what is said and how it is felt, as ARKit blendshapes."""

from typing import TYPE_CHECKING

from emogene.emotalk.emotion import HEARD, LABELS, Cue, Emotion, Timeline, parse
from emogene.lazy import lazily

if TYPE_CHECKING:
    from emogene.emotalk.interface import EmotionModel
    from emogene.emotalk.model import EmoTalk

__all__ = [
    "HEARD",
    "LABELS",
    "Cue",
    "EmoTalk",
    "Emotion",
    "EmotionModel",
    "Timeline",
    "parse",
]

__getattr__ = lazily(__name__, {"EmoTalk": "model", "EmotionModel": "interface"})
