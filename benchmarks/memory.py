"""Peak memory of the motion of long recordings: what README and MODEL_CARD state.

    python benchmarks/memory.py [--minutes 1 10 60] [--threads 1] [--json FILE]

Runs ``emogene generate hour.wav -o out.npz`` in a process of its own on the demo clip, repeated, and prints
seconds, the peak of resident memory, and how much of it each further minute takes. Linux.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from end_to_end import repeated, run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10, 60])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    figures: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for minutes in given.minutes:
            sound, output = repeated(60 * minutes, Path(folder)), Path(folder) / "out.npz"
            command = [sys.executable, "-m", "emogene", "generate", str(sound), "-o", str(output)]
            done = run([*command, "--quiet", "--threads", str(given.threads)])
            sound.unlink()
            with np.load(output) as motion:
                frames = len(motion["mixed"])
                whole = all(np.isfinite(motion[name]).all() for name in ("mixed", "blendshapes"))
            figures[minutes] = {"seconds": round(done.seconds, 1), "megabytes": round(done.megabytes)}
            print(
                f"{minutes:>4} min: {done.megabytes:6.0f} MB, {done.seconds:6.1f} s, {frames} frames"
                f"{'' if whole else ', some NaN'}",
                flush=True,
            )
    short, *_, long = sorted(figures) * 2
    if long > short:
        growth = (figures[long]["megabytes"] - figures[short]["megabytes"]) / (long - short)
        print(f"{growth:.1f} MB for each further minute")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
