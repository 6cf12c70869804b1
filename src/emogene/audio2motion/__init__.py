"""Stage 2: speech to lip-synced landmarks, by the pitch-aware VAE with flow prior of GeneFace++."""

from emogene.audio2motion.lips import Audio2Motion
from emogene.audio2motion.model import LipModel

__all__ = ["Audio2Motion", "LipModel"]
