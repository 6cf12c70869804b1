"""Make the gallery: seven emotional voices, whose emotion is heard and not told, as four-panel videos.

    python tools/gallery.py        # or: make gallery

From ``docs/gallery/EMOTION.*`` makes ``out/gallery/EMOTION.mp4``, its face alone in ``out/gallery/faces``, a
picture ``docs/gallery/EMOTION.jpg`` of each, and writes the table of ``docs/gallery.md`` anew.
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from emogene import EmoGene
from emogene.avatar.capture.video import read_frames
from emogene.emotalk.emotion import LABELS
from emogene.result import Result

ROOT = Path(__file__).parents[1]
VOICES, PAGE, OUT = ROOT / "docs/gallery", ROOT / "docs/gallery.md", ROOT / "out/gallery"
EMOTIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
WIDTH = 1024  # pixels of a picture
HEADER = "| voice | heard | shown at most | picture |\n|---|---|---|---|"


def voice(emotion: str) -> Path:
    return next(path for path in VOICES.glob(f"{emotion}.*") if path.suffix in (".opus", ".ogg"))


def apex(result: Result) -> int:
    """The frame in which the emotion is shown most while the voice is loud."""
    performance = result.performance
    assert performance.shown is not None
    felt = performance.shown.values[:, 1:].sum(1)  # all but neutral
    loud = performance.loudness.values[:, 0]
    return int((felt + 0.1 * np.clip((loud - loud.max()) / 20, -1, 0)).argmax())


def row(emotion: str, result: Result) -> str:
    assert result.performance.heard is not None and result.performance.shown is not None
    heard = sorted(result.performance.heard.mean().items(), key=lambda pair: -pair[1])[:3]
    told = ", ".join(f"{label} {share:.0%}" for label, share in heard if share >= 0.01)
    most = dict(zip(LABELS, result.performance.shown.values.max(0), strict=True))
    shown = f"{emotion} {most[emotion]:.2f}"
    return f"| [{emotion}](gallery/{voice(emotion).name}) | {told} | {shown} | ![](gallery/{emotion}.jpg) |"


def make(pipeline: EmoGene, emotion: str) -> str:
    """One voice: its videos and its picture; returns its row of the table."""
    result = pipeline(voice(emotion))
    panels = OUT / f"{emotion}.mp4"
    result.save(OUT / "faces" / f"{emotion}.mp4", compare=panels)
    frame = Image.fromarray(list(read_frames(panels))[apex(result)])
    height = round(frame.height * WIDTH / frame.width)
    frame.resize((WIDTH, height), Image.Resampling.LANCZOS).save(VOICES / f"{emotion}.jpg", quality=85)
    print(panels)
    return row(emotion, result)


def main() -> None:
    (OUT / "faces").mkdir(parents=True, exist_ok=True)
    pipeline = EmoGene.from_pretrained()
    table = "\n".join([HEADER, *(make(pipeline, emotion) for emotion in EMOTIONS)])
    page = PAGE.read_text("utf-8")
    PAGE.write_text(re.sub(r"\| voice \|.*(?:\n\|.*)*", lambda _: table, page), "utf-8")


if __name__ == "__main__":
    main()
