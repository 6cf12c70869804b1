"""Make src/emogene/assets/avatars/grid-s1-splats.safetensors: the embedded avatar as splats.

    python training/avatar_splats.py [--data ../shared/data] [--work FOLDER] [--threads 1]

From the same 49 clips of GRID speaker 1 (CC BY 4.0; Cooke, Barker, Cunningham and Shao 2006) as avatar.py,
every sixth held out, their faces tracked picture by picture. ``--work`` keeps the training set and
checkpoints, so that another run goes on. Figures go to training/avatar_splats.json.
"""

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.progress import track as bar

from avatar import CLIPS, HELD_OUT, PROVENANCE, backdrop
from emogene.avatar.avatar import Avatar
from emogene.avatar.capture.dataset import CaptureConfig, TrainingSet, capture
from emogene.avatar.capture.tracks import track
from emogene.avatar.capture.video import read_frames
from emogene.avatar.train.avatar import AvatarTraining, train_splat_avatar
from emogene.evaluate.render import fidelity, psnr

ROOT = Path(__file__).parents[1]
OUT = ROOT / "src/emogene/assets/avatars/grid-s1-splats.safetensors"
CAPTURE = CaptureConfig(fine_stride=4)


def training_set(data: Path, work: Path | None) -> TrainingSet:
    """The captured clips; kept in ``work``."""
    kept = work / "grid-s1.npz" if work else None
    if kept and kept.is_file():
        return TrainingSet.load(kept)
    videos = [data / "grid_s1" / "video" / f"{clip}.mpg" for clip in CLIPS]
    model = data / "models" / "face_landmarker.task"
    tracks = {video.stem: track(read_frames(video), model) for video in bar(videos, "tracking")}
    captured = capture(videos, tracks, CAPTURE, lambda steps: bar(steps, "capture"))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        captured.save(kept)
    return captured


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    start = time.process_time()
    data = training_set(args.data, args.work)
    captured = round(time.process_time() - start, 1)
    held = np.isin(data.clip, [CLIPS.index(clip) for clip in HELD_OUT])
    config = AvatarTraining()
    avatar, seconds = train_splat_avatar(
        *(data, np.flatnonzero(~held), PROVENANCE, backdrop(), config),
        progress=lambda steps, name: bar(steps, name),
        work=args.work,
        threads=args.threads,
    )
    notes = {"clips": CLIPS, "held_out": HELD_OUT, "config": asdict(config), "capture": asdict(CAPTURE)}
    replace(avatar, training=notes).save(args.out)
    saved = Avatar.open(args.out)
    result = {
        "cpu_seconds": {"capture, if it was not kept": captured, **seconds},
        "file_bytes": args.out.stat().st_size,
        "held_out": fidelity(saved, data, np.flatnonzero(held)),
        "training_frames": psnr(saved, data, np.flatnonzero(~held)[::40]),
    }
    print(json.dumps(result, indent=2))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
