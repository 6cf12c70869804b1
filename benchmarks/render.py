"""Speed of the renderer on an avatar at 512x512: what README and MODEL_CARD state.

    python benchmarks/render.py [AVATAR] [--threads 2] [--frames 100] [--compile] [--json FILE]

Prints frames per second with torso, super-resolution and a warp on every frame; milliseconds per
stage on one thread; samples per frame; peak memory. ``--compile`` also times the very first frame on a
machine, when numba compiles the kernels. Run it on an idle machine.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from emogene.avatar import Avatar
from emogene.reference.radnerf.renderer import FrameState
from emogene.workers import workers

FIRST = """
import sys, time
from emogene.avatar import Avatar
start = time.perf_counter()
avatar = Avatar.open(sys.argv[1])
next(avatar.renderer(512, device="cpu", threads=1).posed(avatar.space.database[:1], avatar.pose[:1]))
print(time.perf_counter() - start)
"""


def motion(avatar: Avatar, frames: int) -> np.ndarray:
    """The training landmarks with an emotion's worth of displacement beyond them (3 mm), coming and going:
    ``[frames, 68, 3]``."""
    database = avatar.space.database.astype(np.float32)
    points = database[np.arange(frames) % len(database)]
    beyond = np.random.default_rng(0).standard_normal((68, 3)).astype(np.float32) * 0.03
    return points + beyond * np.sin(np.arange(frames) / 10)[:, None, None].astype(np.float32)


def first_frame(name: str, cache: str | None = None) -> float:
    """Seconds to the first frame in a fresh process, imports not counted."""
    environment = dict(os.environ) | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    command = [sys.executable, "-c", FIRST, name]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def stages(avatar: Avatar, states: list[FrameState]) -> Iterator[tuple[str, float]]:
    """Milliseconds per frame of each stage, one thread."""
    renderer = avatar.renderer(512, device="cpu", threads=1).fields
    layers = renderer.layers(states[0])

    def milliseconds(work: Callable[[FrameState], object]) -> float:
        times = []
        for state in states:
            start = time.thread_time()
            work(state)
            times.append(time.thread_time() - start)
        return float(np.median(times)) * 1e3

    seen = torch.cat([layers.image, layers.head[:, None]], -1)
    yield "head", milliseconds(lambda state: renderer.head_layer(state))
    if renderer.torso is not None and states[0].torso_condition is not None:
        torso = renderer.torso
        yield "torso", milliseconds(lambda state: torso(states[0].torso_condition, seen))  # pyright: ignore
    yield "super-resolution", milliseconds(lambda _: renderer.enlarge(layers.image))
    yield "whole frame", milliseconds(renderer.frame)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("avatar", nargs="?", default="default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    avatar = Avatar.open(options.avatar)
    assert isinstance(avatar, Avatar), "an avatar trained here, not an imported one"
    figures: dict[str, object] = {"threads": options.threads}

    figures["first frame, s"] = first_frame(options.avatar)
    if options.compile:
        with tempfile.TemporaryDirectory() as cache:
            figures["first frame ever, s"] = first_frame(options.avatar, cache)
    renderer = avatar.renderer(512, device="cpu", threads=options.threads)
    points, pose = motion(avatar, options.frames), avatar.pose.to_and_fro(np.arange(options.frames))
    next(renderer.posed(points[:1], pose[:1]))
    start = time.perf_counter()
    for _ in renderer.posed(points, pose):
        pass
    figures["frames/s at 512"] = options.frames / (time.perf_counter() - start)
    states = list(renderer.posed_states(points[:20], pose[:20]))
    figures["samples per frame"] = float(np.mean([renderer.fields.layers(s).samples for s in states]))
    with workers(1) as alone:
        figures["ms per frame, one thread"] = alone.submit(lambda: dict(stages(avatar, states))).result()
    figures["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
