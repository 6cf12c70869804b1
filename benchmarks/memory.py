"""Peak memory of recordings of any length: what README and MODEL_CARD state.

    python benchmarks/memory.py [--motion 1 10 60] [--video 1 10] [--size 512] [--threads 1] [--json FILE]

Runs ``emogene generate`` in a process of its own on the demo clip, repeated for so many minutes, and prints
the peak of resident memory, seconds, and how many megabytes each further minute takes. Linux.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import av

from emogene.audio import Sound
from emogene.weights.embedded import assets
from machine import machine, run

RATE = 48_000


def repeated(seconds: int, path: Path) -> Path:
    """The demo clip, again and again, as a wav of at least ``seconds`` at ``path``."""
    written = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        resampler = av.AudioResampler("s16", "mono", RATE)
        while written < seconds * RATE:
            for frame in Sound.open(assets() / "demo.ogg").frames():
                frame.pts = None
                for piece in resampler.resample(frame):
                    written += piece.samples
                    piece.pts = None
                    container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def measured(kind: str, minutes: int, size: int, threads: int) -> dict[str, float]:
    """Megabytes and seconds of a recording's motion (npz) or video (mp4)."""
    with tempfile.TemporaryDirectory() as folder:
        sound, output = repeated(60 * minutes, Path(folder) / "long.wav"), Path(folder) / f"out.{kind}"
        command = [sys.executable, "-m", "emogene", "generate", str(sound), "-o", str(output), "--quiet"]
        done = run([*command, "--size", str(size), "--threads", str(threads), "--device", "cpu"])
        assert output.stat().st_size
    return {"megabytes": round(done.megabytes), "seconds": round(done.seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--motion", type=int, nargs="*", default=[1, 10, 60], metavar="MINUTES")
    parser.add_argument("--video", type=int, nargs="*", default=[1, 10], metavar="MINUTES")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    figures: dict[str, object] = {"machine": machine(), "threads": given.threads, "size": given.size}
    print(json.dumps(figures))
    for kind, lengths in (("npz", given.motion), ("mp4", given.video)):
        found = {}
        for minutes in sorted(lengths):
            found[minutes] = measured(kind, minutes, given.size, given.threads)
            print(f"{kind}, {minutes:>3} min: {found[minutes]}", flush=True)
        if len(found) > 1:
            shortest, *_, longest = sorted(found)
            growth = (found[longest]["megabytes"] - found[shortest]["megabytes"]) / (longest - shortest)
            print(f"{kind}: {growth:.2f} MB for each further minute")
        figures[kind] = found
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
