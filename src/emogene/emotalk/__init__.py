"""Stage 1, emotion-aware motion: what is said and how it is felt, as ARKit blendshapes."""

from emogene.emotalk.emotion import HEARD, LABELS, Cue, Emotion, Timeline, parse
from emogene.emotalk.model import EmoTalk
from emogene.emotalk.speech import EmotionalSpeech, EmotionModel

__all__ = [
    "HEARD",
    "LABELS",
    "Cue",
    "EmoTalk",
    "Emotion",
    "EmotionModel",
    "EmotionalSpeech",
    "Timeline",
    "parse",
]
