"""Speed of splats on an avatar: CPU milliseconds a frame by stage, and frames a second.

    python benchmarks/splats.py [--avatar FILE] [--size 512] [--threads 2] [--json FILE]

Thread CPU time, the least of several for each frame, the mean of the frames: other jobs hardly disturb it.
As on a processor without AVX-512: NUMBA_CPU_NAME=haswell, NUMBA_CPU_FEATURES=+avx2,+fma,+avx,+bmi,+popcnt and
a NUMBA_CACHE_DIR of their own in the environment.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import llvmlite.binding
import numpy as np
import torch

from emogene.avatar.avatar import Avatar
from emogene.motion2video.portrait import Moment, Portrait
from emogene.motion2video.splats import View, cpu
from emogene.motion2video.splats.rasteriser import Rasteriser

ROOT = Path(__file__).parents[1]
AVATAR = ROOT / "src/emogene/assets/avatars/grid-s1.safetensors"
FRAMES, AGAIN = 8, 10


def milliseconds(work: Callable[[], object]) -> float:
    """Thread CPU time, the least of several."""
    work()
    times = []
    for _ in range(AGAIN):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times) * 1e3


def moments(avatar: Avatar, count: int) -> list[Moment]:
    """Faces of the avatar's database, far from each other, in its own poses."""
    database = avatar.space.database.astype(np.float32)
    points = database[np.linspace(0, len(database) - 1, count).astype(int)]
    return avatar.moments(points, avatar.pose[np.arange(count) % len(avatar.pose)])


def stages(avatar: Avatar, size: int) -> dict[str, float]:
    """Milliseconds of each stage of a whole person, mean over frames."""
    portrait = avatar.portrait(size, np.full((size, size, 3), 200, np.uint8))
    found = [of_moment(avatar, portrait, moment) for moment in moments(avatar, FRAMES)]
    return {name: round(float(np.mean([one[name] for one in found])), 2) for name in found[0]}


def of_moment(avatar: Avatar, portrait: Portrait, moment: Moment) -> dict[str, float]:
    """Milliseconds of each stage of one frame."""
    head, torso = avatar.head.at(moment.head), avatar.torso.at(moment.torso)
    view = View(portrait.camera, moment.rotation, moment.translation)
    layers = (head, view), (torso, View.fixed(portrait.camera))
    raster = Rasteriser(portrait.camera.width, portrait.camera.height)
    picture = raster.picture(portrait.background, *layers)
    lists = raster.records, raster.starts, raster.entries, raster.across
    return {
        "evaluate head": milliseconds(lambda: avatar.head.at(moment.head, head)),
        "evaluate torso": milliseconds(lambda: avatar.torso.at(moment.torso, torso)),
        "project, sort, list": milliseconds(lambda: raster.place(*layers)),
        "raster to bytes": milliseconds(lambda: cpu.raster_picture(*lists, portrait.background, picture)),
        "whole frame": milliseconds(lambda: portrait.picture(moment)),
    }


def together(avatar: Avatar, size: int, threads: int, frames: int = 200) -> dict[str, float]:
    """Frames a second by the clock with ``threads``, and CPU milliseconds a frame."""
    portrait = avatar.portrait(size, np.full((size, size, 3), 200, np.uint8))
    shown = moments(avatar, frames)
    list(portrait.pictures(shown[:8], threads))
    wall, spent = time.perf_counter(), time.process_time()
    for _ in portrait.pictures(shown, threads):
        pass
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    return {"frames/s": round(frames / wall, 1), "CPU ms a frame": round(spent / frames * 1e3, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", type=Path, default=AVATAR)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    avatar = Avatar.open(options.avatar)
    assert isinstance(avatar, Avatar)
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as one:
        figures: dict[str, object] = {
            "processor": os.environ.get("NUMBA_CPU_NAME") or llvmlite.binding.get_host_cpu_name(),
            "size": options.size,
            "splats": {"head": len(avatar.head), "torso": len(avatar.torso)},
            "ms a frame, one thread": one.submit(stages, avatar, options.size).result(),
            f"{options.threads} threads": together(avatar, options.size, options.threads),
        }
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
