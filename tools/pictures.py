"""Make the pictures of the README, and contact sheets to look the embedded avatar over.

    python tools/pictures.py        # or: make pictures

Writes ``docs/emotions.jpg`` and ``docs/curves.png``; in ``out/pictures``: a sheet of each emotion in silence,
on an open vowel and on closed lips, at half and full intensity; a blink; the head turned.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from emogene import EmoGene
from emogene.audio import load_audio
from emogene.clock import SAMPLE_RATE
from emogene.face.landmarks import mouth_openness
from emogene.performance import Performance
from emogene.result import Result
from emogene.video.contact_sheet import contact_sheet

ROOT = Path(__file__).parents[1]
DEMO, SCENES = (ROOT / "src/emogene/assets" / name for name in ("demo.ogg", "demo.tsv"))
DOCS, SHEETS = ROOT / "docs", ROOT / "out/pictures"
EMOTIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
SIZE = 384
SILENCE = 1.6  # seconds, after the voice
CLOSED = 0.006  # decimetres between closed lips
VOICE = -35.0  # dB: louder is speech
TURNS = {"left": (-20, 0), "half left": (-10, 0), "half right": (10, 0), "right": (20, 0), "up": (0, 12)}
"""Degrees, as the viewer sees them: to the right, and up."""


def draw(result: Result, performance: Performance) -> np.ndarray:
    """The first frame of ``performance`` on the avatar of ``result``, ``[SIZE, SIZE, 3]`` uint8."""
    return next(result.frames(iter([performance[:1]])))


def at(result: Result, frame: int) -> np.ndarray:
    return draw(result, result.performance[frame : frame + 1])


def speaking(neutral: Result) -> int:
    """A frame in mid-speech: the mouth halfway open, as it is often."""
    openness = mouth_openness(neutral.performance.lips.points)
    middle = slice(len(openness) // 4, len(openness) // 2)
    target = np.quantile(openness, 0.7)
    return middle.start + int(np.abs(openness[middle] - target).argmin())


def moments(neutral: Result) -> dict[str, int]:
    """Frames of an open vowel, of closed lips within speech, and of silence."""
    openness = mouth_openness(neutral.performance.lips.points)
    loud = neutral.performance.loudness.values[:, 0] > VOICE
    between = np.flatnonzero(openness < CLOSED) if (openness < CLOSED).any() else np.arange(len(openness))
    last = np.flatnonzero(loud)[-1]
    inside = between[(between > 25) & (between < last)]
    return {
        "silent": len(openness) - 15,
        "vowel": int(np.where(loud, openness, 0).argmax()),
        "closed": int(inside[openness[inside].argmin()]) if len(inside) else int(openness[:last].argmin()),
    }


def emotions(results: dict[str, Result]) -> np.ndarray:
    """The same moment with each emotion; first the lips alone."""
    neutral = results["neutral"]
    frame = speaking(neutral)
    alone = neutral.performance[frame : frame + 1].without_emotion()
    pictures = {"lips alone": draw(neutral, alone)}
    pictures |= {emotion: at(result, frame) for emotion, result in results.items()}
    return contact_sheet(pictures)


def expressions(half: dict[str, Result], full: dict[str, Result]) -> np.ndarray:
    """A row of each emotion: silent, open and closed, at half and full intensity."""
    frames = moments(full["neutral"])
    pictures = {
        f"{emotion} {intensity}, {moment}": at(results[emotion], frame)
        for emotion in EMOTIONS
        for intensity, results in ((0.5, half), (1, full))
        for moment, frame in frames.items()
    }
    return contact_sheet(pictures, columns=2 * len(frames))


def blink(results: dict[str, Result]) -> np.ndarray:
    """Frames around a blink, with and without an emotion that moves the lids."""
    closure = results["neutral"].performance.blink.values[:, 0]
    middle = 10 + int(closure[10:-10].argmax())
    pictures = {
        f"{emotion}, frame {frame - middle:+d}": at(results[emotion], frame)
        for emotion in ("neutral", "surprised", "happy")
        for frame in range(middle - 3, middle + 4)
    }
    return contact_sheet(pictures, columns=7)


def turned(results: dict[str, Result]) -> np.ndarray:
    """The head turned further than the person's own."""
    frame = moments(results["neutral"])["vowel"]
    pictures = {}
    for emotion, result in results.items():
        performance = result.performance[frame : frame + 1]
        for name, (right, up) in TURNS.items():
            turn = Rotation.from_euler("yx", [right, -up], degrees=True).as_matrix().astype(np.float32)
            head = replace(performance.head, rotation=performance.head.rotation @ turn)
            pictures[f"{emotion}, {name}"] = draw(result, replace(performance, head=head))
    return contact_sheet(pictures, columns=len(TURNS))


def save(sheet: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, quality=88)
    print(path)


def main() -> None:
    pipeline = EmoGene.from_pretrained()
    pipeline(DEMO, emotion=SCENES).save_motion(DOCS / "curves.png")
    print(DOCS / "curves.png")
    spoken = load_audio(DEMO).samples
    samples = np.concatenate([spoken, np.zeros(int(SILENCE * SAMPLE_RATE), np.float32)])
    half, full = (
        {e: pipeline(samples, SAMPLE_RATE, emotion=e, intensity=x, size=SIZE) for e in EMOTIONS}
        for x in (0.5, 1.0)
    )
    save(emotions(full), DOCS / "emotions.jpg")
    save(expressions(half, full), SHEETS / "expressions.jpg")
    save(blink(full), SHEETS / "blink.jpg")
    save(turned(full), SHEETS / "turned.jpg")


if __name__ == "__main__":
    main()
