"""Speed of the whole way: what README and MODEL_CARD state.

    python benchmarks/end_to_end.py [--threads 2] [--runs 5] [--json FILE]

Of the demo clip: seconds of each stage; the renderer's frames a second; the time from the start of Python to
the first frame, when the compiled kernels are already kept; and the whole command. By the clock the least of
several runs, which on a busy machine says little, and beside it the CPU time, which says more.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emogene import EmoGene
from emogene.audio import SpeechEncoder, analyse, load_audio
from emogene.audio2motion import Audio2Motion
from emogene.emotalk import EmoTalk
from emogene.mixture import Mixture
from emogene.result import Result
from emogene.weights.embedded import assets
from machine import machine, run

DEMO = assets() / "demo.ogg"
FIRST_FRAME = """
import sys, time
from emogene import EmoGene
next(EmoGene.from_pretrained("cpu", threads=int(sys.argv[2])).stream(sys.argv[1]).frames())
print(time.time(), time.process_time(), flush=True)
"""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def stages(result: Result) -> dict[str, float]:
    """Seconds for each stage, everything already loaded and compiled."""
    space, encoder = result.avatar.space, SpeechEncoder.from_embedded()
    audio2motion, emotalk = Audio2Motion.from_embedded(), EmoTalk.from_embedded()
    listening, speech = timed(lambda: analyse(load_audio(DEMO), encoder))
    lips_time, lips = timed(lambda: audio2motion(speech, space.neutral))
    emotion_time, felt = timed(lambda: emotalk(speech))
    mixing = Mixture().stream(result.avatar.rig, space)
    mixture_time, _ = timed(lambda: mixing.push(lips.points, felt, speech))
    return {
        "listening": listening,
        "lip-synced landmarks": lips_time,
        "emotion-aware landmarks": emotion_time,
        "mixture": mixture_time,
    }


def rendering(result: Result) -> float:
    """Frames a second of the renderer, after its first frame."""
    frames = result.frames()
    next(frames)
    seconds, count = timed(lambda: sum(1 for _ in frames))
    return count / seconds


def first_frame(threads: int) -> tuple[float, float]:
    """Seconds from the start of a process to its first frame, and of its CPU time until then."""
    start = time.time()
    told = run([sys.executable, "-c", FIRST_FRAME, str(DEMO), str(threads)]).output.split()
    return float(told[0]) - start, float(told[1])


def command(threads: int, folder: Path) -> tuple[float, float]:
    """Seconds of ``emogene generate``, and of its CPU time."""
    options = ["--quiet", "--device", "cpu", "--threads", str(threads)]
    output = str(folder / "whole.mp4")
    done = run([sys.executable, "-m", "emogene", "generate", str(DEMO), "-o", output, *options])
    return done.seconds, done.cpu_seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    figures: dict[str, object] = {"machine": machine(), "threads": given.threads}
    print(json.dumps(figures))

    def say(name: str, value: float, unit: str) -> None:
        figures[f"{name} ({unit})"] = round(value, 3)
        print(f"{name:<44} {value:>9.2f} {unit}", flush=True)

    result = EmoGene.from_pretrained("cpu", given.threads)(DEMO)
    stages(result)
    for name, seconds in stages(result).items():
        say(name, seconds, "s")
    say("renderer at 512x512", max(rendering(result) for _ in range(given.runs)), "frames/s")
    first_frame(given.threads)
    walls, spent = zip(*(first_frame(given.threads) for _ in range(given.runs)), strict=True)
    say("first frame after the start", min(walls), "s")
    say("first frame after the start, CPU", min(spent), "s")
    with tempfile.TemporaryDirectory() as folder:
        walls, spent = zip(*(command(given.threads, Path(folder)) for _ in range(given.runs)), strict=True)
    say("whole command", len(result) / min(walls), "frames/s")
    say("whole command, CPU of a frame", 1000 * min(spent) / len(result), "ms")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
