"""Make src/emogene/assets/avatars/grid-s1.safetensors: the embedded avatar.

    python training/avatar.py [--data ../shared/data] [--work FOLDER] [--threads 1]

From 49 clips of GRID speaker 1 (CC BY 4.0; Cooke, Barker, Cunningham and Shao 2006) with the same hair, shirt
and light, their faces tracked picture by picture; every sixth of them is held out. ``--work`` keeps the
training set and checkpoints, so that another run goes on. Figures go to training/avatar.json; see avatar.md.
"""

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from emogene.avatar import Avatar, Provenance
from emogene.avatar.capture.dataset import CaptureConfig, TrainingSet, capture
from emogene.avatar.capture.tracks import track
from emogene.avatar.capture.video import read_frames
from emogene.avatar.train.avatar import AvatarTraining, train_avatar
from emogene.evaluate.render import fidelity, psnr
from emogene.progress import Progress, bars, over

ROOT = Path(__file__).parents[1]
OUT = ROOT / "src/emogene/assets/avatars/grid-s1.safetensors"
CAPTURE = CaptureConfig(fine_stride=4)
CLIPS = """
bbaszn bbil4p bgaa8p bgah3a bgauzp bgbbzn bgin2p brbazp brbm9a bwag6p bwwh2n lbak1s lbax8n lbayzp lbiq2p
lgifzn lgir9s lgis1a lgwg3s lrae3s lrar2p lrik2n lrwf2p lwiy8p pbac3a pbai6p pbbc6p pbwj4p pbwp7s pgad8n
pgak4p pgbk6n pgbk7s pgwl1s prap4n prbj6p prbx3s pric2n prip1s priv6p prwj8n prwj9s pwaj8p pwax7a pwbx9s
pwij2n pwij4p pwwezn pwwk6p
""".split()  # noqa: SIM905
HELD_OUT = CLIPS[3::6]
PROVENANCE = Provenance(
    name="grid-s1",
    consent="recorded as a volunteer for the GRID corpus, which its authors publish under CC BY 4.0",
    source="GRID audiovisual sentence corpus, speaker 1",
    licence="CC BY 4.0",
    attribution="M. Cooke, J. Barker, S. Cunningham, X. Shao: An audio-visual corpus for speech perception "
    "and automatic speech recognition, JASA 120(5), 2006",
)


def backdrop(size: int = 64) -> np.ndarray:
    """A quiet grey, lighter at the top: uint8 ``[size, size, 3]``."""
    down = np.linspace(0, 1, size)[:, None, None]
    shade = np.array([230, 234, 239]) * (1 - down) + np.array([189, 196, 207]) * down
    return np.broadcast_to(shade, (size, size, 3)).round().astype(np.uint8)


def training_set(data: Path, work: Path | None, progress: Progress) -> TrainingSet:
    """The captured clips; kept in ``work``."""
    kept = work / "grid-s1.npz" if work else None
    if kept and kept.is_file():
        return TrainingSet.load(kept)
    videos = [data / "grid_s1" / "video" / f"{clip}.mpg" for clip in CLIPS]
    model = data / "models" / "face_landmarker.task"
    tracks = {video.stem: track(read_frames(video), model) for video in over(videos, "tracking", progress)}
    captured = capture(videos, tracks, CAPTURE, progress)
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
    with bars() as progress:
        data = training_set(args.data, args.work, progress)
    captured = round(time.process_time() - start, 1)
    held = np.isin(data.clip, [CLIPS.index(clip) for clip in HELD_OUT])
    config = AvatarTraining()
    with bars() as progress:
        avatar, seconds = train_avatar(
            *(data, np.flatnonzero(~held), PROVENANCE, backdrop(), config, progress, args.work),
            threads=args.threads,
        )
    notes = {"clips": CLIPS, "held_out": HELD_OUT, "config": asdict(config), "capture": asdict(CAPTURE)}
    replace(avatar, training=notes).save(args.out)
    saved = Avatar.open(args.out)
    assert isinstance(saved, Avatar)
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
