"""What is heard: any recording at 16 kHz mono, its loudness, pitch and features of speech at 50 Hz."""

from typing import TYPE_CHECKING

from emogene.lazy import lazily

if TYPE_CHECKING:
    from emogene.audio.encoder import SpeechEncoder
    from emogene.audio.recording import Recording, load_audio
    from emogene.audio.sound import Sound
    from emogene.audio.speech import Speech, SpeechStream, analyse

__all__ = ["Recording", "Sound", "Speech", "SpeechEncoder", "SpeechStream", "analyse", "load_audio"]

__getattr__ = lazily(
    __name__,
    {
        "Recording": "recording",
        "Sound": "sound",
        "Speech": "speech",
        "SpeechEncoder": "encoder",
        "SpeechStream": "speech",
        "analyse": "speech",
        "load_audio": "recording",
    },
)
