"""Speed and memory of the whole way, on 2 threads: what README and MODEL_CARD state.

    python benchmarks/end_to_end.py [--json FILE] [--video-minutes 10]

Prints seconds per stage, frames per second of the renderer at 512x512 and of the whole command, the time from
the command's start to its first frame, and peak memory for short and long recordings. Run it on an idle
machine.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from emogene import EmoGene
from emogene.audio import Sound, SpeechEncoder, analyse, load_audio
from emogene.audio2motion import Audio2Motion
from emogene.emotalk import EmoTalk
from emogene.face.rig import Rig
from emogene.mixture import Mixture
from emogene.result import Result

DEMO = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"

FIRST_FRAME = """
import sys, time
from emogene import EmoGene
next(EmoGene.from_pretrained(threads=int(sys.argv[2])).stream(sys.argv[1]).frames())
print(time.time())
"""


@dataclass(frozen=True)
class Finished:
    seconds: float
    megabytes: float
    output: str


def run(command: list[str]) -> Finished:
    """Run ``command``; its time and its peak resident memory."""
    start, peak = time.time(), 0.0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
        if process.returncode:
            sys.exit(f"failed: {' '.join(command)}")
        output.seek(0)
        return Finished(time.time() - start, peak, output.read())


def resident(process: int) -> float:
    """Megabytes of the peak so far (Linux). Not getrusage: it counts the parent's memory before the exec."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has just ended
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else 0


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def stages(result: Result) -> dict[str, float]:
    """Seconds for each stage on the demo clip, everything already loaded and compiled."""
    space, encoder = result.avatar.space, SpeechEncoder.from_embedded()
    audio2motion, emotalk, rig = Audio2Motion.from_embedded(), EmoTalk.from_embedded(), Rig.embedded()
    listening, speech = timed(lambda: analyse(load_audio(DEMO), encoder))
    lips_time, lips = timed(lambda: audio2motion(speech, space.neutral))
    emotion_time, felt = timed(lambda: emotalk(speech))
    mixing = Mixture().stream(rig, space)
    mixture_time, _ = timed(lambda: mixing.push(lips.points, felt, speech))
    return {
        "listening": listening,
        "lip-synced landmarks": lips_time,
        "emotion-aware landmarks": emotion_time,
        "mixture": mixture_time,
    }


def rendering(result: Result) -> float:
    """Frames per second of the renderer, after its first frame."""
    frames = result.frames()
    next(frames)
    seconds, count = timed(lambda: sum(1 for _ in frames))
    return count / seconds


def repeated(seconds: int, folder: Path) -> Path:
    """The demo clip, again and again, as a wav of ``seconds``."""
    path, written = folder / f"{seconds}.wav", 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        resampler = av.AudioResampler("s16", "mono", 48_000)
        while written < seconds * 48_000:
            for frame in Sound.open(DEMO).frames():
                frame.pts = None
                for piece in resampler.resample(frame):
                    written += piece.samples
                    piece.pts = None
                    container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=int, default=10, help="the long recording, motion only")
    parser.add_argument("--video-minutes", type=int, default=1, help="the long recording, rendered")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    figures: dict[str, float] = {}

    def say(name: str, value: float, unit: str) -> None:
        figures[f"{name} ({unit})"] = round(value, 3)
        print(f"{name:<44} {value:>9.2f} {unit}", flush=True)

    pipeline = EmoGene.from_pretrained("cpu", given.threads)
    result = pipeline(DEMO)
    print(f"{DEMO.name}: {len(result)} frames at 25 a second; {given.threads} threads")
    for name, seconds in stages(result).items():
        say(name, seconds, "s")
    say("renderer at 512x512", rendering(result), "frames/s")

    with tempfile.TemporaryDirectory() as folder:
        emogene = [sys.executable, "-m", "emogene", "generate"]
        options = ["--quiet", "--threads", str(given.threads)]

        def generate(sound: Path, output: str) -> Finished:
            return run([*emogene, str(sound), "-o", str(Path(folder) / output), *options])

        start = time.time()
        first = run([sys.executable, "-c", FIRST_FRAME, str(DEMO), str(given.threads)])
        say("first frame after the start", float(first.output) - start, "s")
        whole = generate(DEMO, "whole.mp4")
        say("whole command", len(result) / whole.seconds, "frames/s")
        short = repeated(10, Path(folder))
        say("peak memory, 10 s, motion", generate(short, "short.npz").megabytes, "MB")
        say("peak memory, 10 s, video", generate(short, "short.mp4").megabytes, "MB")
        long = repeated(60 * given.minutes, Path(folder))
        say(f"peak memory, {given.minutes} min, motion", generate(long, "long.npz").megabytes, "MB")
        long = repeated(60 * given.video_minutes, Path(folder))
        say(f"peak memory, {given.video_minutes} min, video", generate(long, "long.mp4").megabytes, "MB")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
