"""Speed of hearing, of both audio branches and of the official lip branch at full size. On an idle machine:

    python benchmarks/audio.py [--threads 2]

Prints the least of several runs, in seconds.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from emogene.audio import analyse, load_audio
from emogene.audio.encoder import SpeechEncoder
from emogene.audio2motion import Audio2Motion
from emogene.audio2motion.vae import PitchContourVAE, freeze
from emogene.emotalk import EmoTalk
from emogene.face.mean import mean_face
from emogene.reference.named import fill_by_name
from emogene.weights.embedded import assets

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
    encoder = SpeechEncoder.from_embedded()
    lips, emotion = Audio2Motion.from_embedded(), EmoTalk.from_embedded()
    speech = analyse(samples, encoder)

    def whole() -> None:
        said = analyse(samples, encoder)
        lips(said, mean_face())
        emotion(said)

    encoding = least(lambda: encoder.encode(samples))
    print(f"{threads} threads, {SECONDS} s of speech")
    print(f"pitch and loudness: {least(lambda: analyse(samples), 3):.3f}")
    print(f"speech encoder: {encoding:.3f}, {SECONDS / encoding:.0f} times real time")
    print(f"lip branch on its features: {least(lambda: lips(speech, mean_face())):.3f}")
    print(f"emotion branch on its features: {least(lambda: emotion(speech)):.3f}")
    print(f"all of these: {least(whole, 5):.3f}")
    print(f"official audio to motion at full size, {OFFICIAL_FRAMES} frames: {official():.3f}")


if __name__ == "__main__":
    main()
