"""Speed of hearing and of the lip branch, ours and the official one at full size. Run it on an idle machine.

    python benchmarks/audio2motion.py [--threads 2]

Prints the least of several runs, in seconds.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from emogene.audio import analyse, load_audio
from emogene.audio2motion import Audio2Motion
from emogene.audio2motion.vae import PitchContourVAE, freeze
from emogene.face.mean import mean_face
from emogene.weights.embedded import assets
from emogene.weights.named import fill_by_name

SECONDS = 10
OFFICIAL_FRAMES = 248


def least(work: Callable[[], Any], runs: int = 10) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


@torch.no_grad()
def official() -> float:
    vae = PitchContourVAE().eval()
    fill_by_name(vae)
    freeze(vae)
    hubert = torch.randn(1, 2 * OFFICIAL_FRAMES, 1024)
    f0, noise = torch.full((1, 2 * OFFICIAL_FRAMES), 140.0), torch.randn(1, 16, OFFICIAL_FRAMES // 4)
    return least(lambda: vae.sample(vae.condition(hubert, f0), noise))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    samples = np.resize(load_audio(assets() / "demo.ogg").samples, SECONDS * 16_000)
    speech, model = analyse(samples), Audio2Motion.from_embedded()
    hearing = least(lambda: analyse(samples), 3)
    lips = least(lambda: model(speech, SECONDS * 25, mean_face()))
    print(f"{threads} threads")
    print(f"mel, pitch and loudness of {SECONDS} s: {hearing:.3f}")
    print(f"embedded lip branch, {SECONDS} s: {lips:.3f}")
    print(f"official audio to motion at full size, {OFFICIAL_FRAMES} frames: {official():.3f}")


if __name__ == "__main__":
    main()
