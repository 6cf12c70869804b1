"""Sound in: any file to 16 kHz mono, and that to loudness, pitch and features of speech at 50 Hz."""

from emogene.audio.decode import Recording, load_audio, sound_frames
from emogene.audio.encoder import SpeechEncoder
from emogene.audio.speech import Speech, SpeechStream, analyse

__all__ = ["Recording", "Speech", "SpeechEncoder", "SpeechStream", "analyse", "load_audio", "sound_frames"]
