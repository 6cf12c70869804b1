"""Make the pictures of the README: the seven emotions on the embedded avatar, and curves, of the demo clip.

    python training/readme_pictures.py        # or: make pictures

Writes ``docs/emotions.jpg`` and ``docs/curves.png``.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from emogene import Avatar, EmoGene
from emogene.face.landmarks import Landmarks, mouth_openness
from emogene.pipeline import Result
from emogene.video.contact_sheet import contact_sheet

ROOT = Path(__file__).parents[1]
DEMO, SCENES = (ROOT / "src/emogene/assets" / name for name in ("demo.ogg", "demo.tsv"))
EMOTIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def moment(result: Result) -> int:
    """A frame in mid-speech: the mouth halfway open, as it is often."""
    openness = mouth_openness(result.lips.points)
    middle = slice(len(openness) // 4, 3 * len(openness) // 4)
    target = np.quantile(openness, 0.7)
    return middle.start + int(np.abs(openness[middle] - target).argmin())


def picture(result: Result, motion: Landmarks, frame: int) -> np.ndarray:
    """One frame of ``motion``, ``[H, W, 3]`` uint8, in the head pose of that moment."""
    avatar = result.avatar
    assert isinstance(avatar, Avatar)
    pose = avatar.pose.loop(frame + 1)[frame:]
    return next(avatar.renderer(result.config.size).posed(motion.points[frame : frame + 1], pose))


def curves(pipeline: EmoGene) -> None:
    path = ROOT / "docs/curves.png"
    pipeline(DEMO, emotion=str(SCENES)).save_curves(path)
    print(path)


def main() -> None:
    pipeline = EmoGene.from_pretrained()
    curves(pipeline)
    results = {emotion: pipeline(DEMO, emotion=emotion, size=384) for emotion in EMOTIONS}
    neutral = results["neutral"]
    frame = moment(neutral)
    pictures = {"lips alone": picture(neutral, neutral.lips, frame)}
    for emotion, result in results.items():
        pictures[emotion] = picture(result, result.mixed, frame)
    path = ROOT / "docs/emotions.jpg"
    Image.fromarray(contact_sheet(pictures)).save(path, quality=88)
    print(path)


if __name__ == "__main__":
    main()
