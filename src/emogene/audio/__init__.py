"""Sound in: decode any file to 16 kHz mono, and hear it as pitch and loudness at 50 Hz."""

from emogene.audio.decode import SAMPLE_RATE, Recording, load_audio, sound_frames
from emogene.audio.speech import SPEECH_FPS, Speech, analyse

__all__ = ["SAMPLE_RATE", "SPEECH_FPS", "Recording", "Speech", "analyse", "load_audio", "sound_frames"]
