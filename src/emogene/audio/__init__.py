"""What is heard: any recording, and what its speech is like over time."""

from emogene.audio.recording import Recording, load_audio
from emogene.audio.sound import Sound
from emogene.audio.speech import SPEECH_FPS, Speech, analyse
from emogene.clock import SAMPLE_RATE

__all__ = ["SAMPLE_RATE", "SPEECH_FPS", "Recording", "Sound", "Speech", "analyse", "load_audio"]
