"""Speed of the official networks at full size, in named weights: what docs/parity.md states.

    python benchmarks/official.py [NAME ...] [--threads 2] [--runs 3] [--json FILE]

Each part is the best of some runs. Run it on an idle machine.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from emogene.audio import load_audio
from emogene.audio2motion.vae import freeze
from emogene.reference.parity import named_emotalk, named_frame, named_vae
from emogene.reference.radnerf.marching import morton, pack_bits

DEMO = Path(__file__).parents[1] / "src/emogene/assets/demo.ogg"


@dataclass(frozen=True)
class Figure:
    """``seconds`` that a task took, the ``official`` code's, and the ``deviation`` from float32."""

    task: str
    seconds: float
    official: float | None = None
    deviation: str = ""


def best(task: Callable[[], np.ndarray], runs: int) -> tuple[float, np.ndarray]:
    """The least time of ``runs`` after one to warm up, and the result."""
    result, least = task(), float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        result = task()
        least = min(least, time.perf_counter() - start)
    return least, result


def emotalk(runs: int) -> Iterator[Figure]:
    """Ten seconds of speech to 300 frames of blendshapes."""
    speech = np.resize(load_audio(DEMO).samples, 160_000)
    seconds, exact = best(partial(named_emotalk().predict, speech), runs)
    yield Figure("EmoTalk, 10 s, float32", seconds, 3.07)
    seconds, rounded = best(partial(named_emotalk(torch.bfloat16).predict, speech), runs)
    error = np.abs(rounded - exact)
    deviation = f"max {error.max():.3f}, mean {error.mean():.4f}, outputs' std {exact.std():.2f}"
    yield Figure("EmoTalk, 10 s, bfloat16", seconds, 3.07, deviation)


def audio2motion(runs: int) -> Iterator[Figure]:
    """HuBERT features and pitch of ten seconds to 248 frames of expression coefficients."""
    vae, frames = named_vae(), 248
    freeze(vae)
    random = np.random.default_rng(0)
    features = torch.from_numpy(random.standard_normal((1, 2 * frames, 1024), np.float32))
    f0 = torch.from_numpy(random.uniform(80, 300, (1, 2 * frames)).astype(np.float32))
    noise = torch.from_numpy(random.standard_normal((1, 16, frames // 4), np.float32))

    @torch.inference_mode()
    def motion() -> np.ndarray:
        return vae.sample(vae.condition(features, f0, 0.4), 0.2 * noise).numpy()

    seconds, _ = best(motion, 10 * runs)
    yield Figure("audio to motion, 248 frames, float32", seconds, 0.017)


def head_bitfield() -> np.ndarray:
    """Occupancy of an ellipsoid as large as a head in May's frame."""
    cell = torch.cartesian_prod(*[torch.arange(128)] * 3)
    place = (cell + 0.5) / 64 - 1
    full = torch.zeros(128**3, dtype=torch.bool)
    full[morton(cell)] = (place / torch.tensor([0.25, 0.35, 0.25])).norm(dim=1) < 1
    return pack_bits(full).numpy()


def may_inputs() -> dict[str, np.ndarray]:
    """A frame of GeneFace++ May: see docs/parity.md."""
    random = np.random.default_rng(0)
    turn = np.diag([1.0, -1.0, -1.0, 1.0])
    turn[2, 3] = 3.2
    return {
        "cond": random.standard_normal((3, 1, 204)),
        "eye": np.array([0.4]),
        "lm68": random.random(136),
        "pose": turn[None],
        "bg": np.array([0.2, 0.5, 0.7]),
        "density_bitfield": head_bitfield(),
        "density_grid_torso": np.ones(128**2),
    }


def frame(runs: int) -> Iterator[Figure]:
    """A 512 x 512 frame of GeneFace++ May, as many at a time as threads: head, torso, super-resolution."""
    exact, threads = np.empty(0), torch.get_num_threads()
    for dtype, name in ((torch.float32, "float32"), (torch.bfloat16, "bfloat16")):
        renderer, state = named_frame(may_inputs(), torso=True, dtype=dtype)
        seconds, images = best(
            lambda r=renderer, s=state: np.stack(list(r.frames([s] * threads, threads))), runs
        )
        image = images[0].astype(np.float32)
        deviation = ""
        if name == "bfloat16":
            error = np.abs(image - exact)
            deviation = f"max {error.max():.0f}, mean {error.mean():.2f} of 255 (random weights)"
        exact = image
        yield Figure(f"May frame, torso and SR, {name}", seconds / threads, 5.1, deviation)


BENCHMARKS: dict[str, Callable[[int], Iterator[Figure]]] = {
    "emotalk": emotalk,
    "audio2motion": audio2motion,
    "frame": frame,
}
"""Name -> what yields its figures for a number of runs."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = []
    for name in options.names or BENCHMARKS:
        for figure in BENCHMARKS[name](options.runs):
            figures.append(asdict(figure))
            official = f"(official code {figure.official:.3g} s)" if figure.official else ""
            print(f"{figure.task:40s} {figure.seconds:8.3f} s  {official}  {figure.deviation}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.1f} GiB, {options.threads} threads")
    if options.json:
        options.json.write_text(json.dumps({"figures": figures, "peak_gib": peak}, indent=1) + "\n")


if __name__ == "__main__":
    main()
