"""Stage 2: speech to lip-synced landmarks, by the pitch-aware VAE with flow prior of GeneFace++."""

from emogene.audio2motion.interface import LipModel
from emogene.audio2motion.lips import Audio2Motion

__all__ = ["Audio2Motion", "LipModel"]
