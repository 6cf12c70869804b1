"""Speed of the renderer: a whole person by splats, beside a frame of the radiance field in the same run.

    python benchmarks/render.py [--size 512] [--threads 2] [--plain] [--without-field] [--json FILE]

CPU milliseconds of one core for a frame of the demo clip, happy, and for one of GeneFace++ May at its
official size (head, torso, super-resolution to 512x512; named weights, an ellipsoid full, docs/parity.md),
and how many times more that is. Then frames a second by the clock with several threads. ``--plain``: the same
in code for AVX2 alone, as on a processor without AVX-512. CPU time is hardly disturbed by other jobs; frames
a second are.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from emogene import EmoGene
from emogene.avatar.avatar import Avatar
from emogene.motion2video.portrait import Moment, Portrait
from emogene.motion2video.splats import View
from emogene.packed import packs
from emogene.performance import Performance
from emogene.reference.parity import named_frame
from emogene.weights.embedded import assets
from machine import PLAIN, machine
from official import may_inputs

FRAMES, AGAIN = 100, 5
STAGED = 8  # frames whose stages are timed


def milliseconds(work: Callable[[], object]) -> float:
    """Of this thread's CPU time, the least of several."""
    work()
    times = []
    for _ in range(AGAIN):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times) * 1e3


def performance(avatar: str) -> Performance:
    """The first frames of the demo clip, as a happy one says it."""
    pipeline = EmoGene.from_pretrained("cpu", threads=1)
    return pipeline(assets() / "demo.ogg", avatar=avatar, emotion="happy").performance[:FRAMES]


def stages(portrait: Portrait, moment: Moment) -> dict[str, float]:
    """CPU milliseconds of each stage of one frame."""
    desk = portrait.desk()
    head, torso = portrait.head.at(moment.head), portrait.torso.at(moment.torso)
    assert moment.rig is not None
    moved = moment.rig(head.copy())
    view = View(portrait.camera, moment.rotation, moment.translation)
    layers = (moved, view), (torso, View.fixed(portrait.camera))
    place = milliseconds(lambda: desk.rasteriser.place(*layers))
    picture = milliseconds(lambda: desk.rasteriser.picture(portrait.background, *layers))
    return {
        "splats of the condition": milliseconds(lambda: portrait.head.at(moment.head, head)),
        "splats of the torso": milliseconds(lambda: portrait.torso.at(moment.torso, torso)),
        "rig": milliseconds(lambda: moment.rig and moment.rig(head.copy())),
        "project, sort, list": place,
        "raster to bytes": picture - place,
        "whole frame": milliseconds(lambda: portrait.picture(moment)),
    }


def splats(name: str, size: int, threads: int) -> dict[str, object]:
    """Every figure of an avatar."""
    avatar = Avatar.open(name)
    assert isinstance(avatar, Avatar), "an avatar of splats"
    shown = performance(name)
    renderer = avatar.renderer(size, threads=1)
    moments = list(renderer.moments([shown]))
    found = [stages(renderer.portrait, moment) for moment in moments[:: len(moments) // STAGED]]
    return {
        "splats": {"head": len(avatar.head), "torso": len(avatar.torso)},
        "CPU ms by stage": {key: round(float(np.mean([one[key] for one in found])), 2) for key in found[0]},
        "CPU ms a frame, one core": round(together(avatar, shown, size, 1)[1], 2),
        f"frames/s, {threads} threads": round(together(avatar, shown, size, threads)[0], 1),
    }


def together(avatar: Avatar, shown: Performance, size: int, threads: int) -> tuple[float, float]:
    """Frames a second by the clock and CPU milliseconds a frame, of the best of several runs."""
    renderer, runs = avatar.renderer(size, threads=threads), []
    for _ in range(AGAIN):
        wall, spent = time.perf_counter(), time.process_time()
        for _ in renderer.frames([shown]):
            pass
        runs.append((time.perf_counter() - wall, time.process_time() - spent))
    walls, spents = zip(*runs, strict=True)
    return len(shown) / min(walls), min(spents) / len(shown) * 1e3


def field(dtype: torch.dtype) -> float:
    """CPU milliseconds of a frame of the radiance field on one core."""
    renderer, state = named_frame(may_inputs(), torso=True, dtype=dtype)

    def frame(count: int) -> float:
        start = time.process_time()
        list(renderer.frames([state] * count, 1))
        return (time.process_time() - start) / count * 1e3

    frame(1)
    return min(frame(1) for _ in range(3))


def in_plain_code(options: argparse.Namespace) -> None:
    """This benchmark again, in a process whose code is for AVX2 alone."""
    given = [f"--{name}={getattr(options, name)}" for name in ("avatar", "size", "threads")]
    given += ["--without-field"] if options.without_field else []
    given += [f"--json={options.json}"] if options.json else []
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | PLAIN | {"NUMBA_CACHE_DIR": cache}
        sys.exit(subprocess.run([sys.executable, __file__, *given], env=environment).returncode)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", default="default")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--without-field", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.plain:
        in_plain_code(options)
    torch.set_num_threads(1)
    figures = {"machine": machine(), **splats(options.avatar, options.size, options.threads)}
    if not options.without_field:
        types = {"float32": torch.float32}
        if packs(torch.bfloat16):  # elsewhere it takes minutes
            types["bfloat16"] = torch.bfloat16
        beside = {name: round(field(dtype)) for name, dtype in types.items()}
        figures["radiance field, CPU ms a frame"] = beside
        own = figures["CPU ms a frame, one core"]
        assert isinstance(own, float)
        figures["times faster"] = {name: round(spent / own, 1) for name, spent in beside.items()}
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
