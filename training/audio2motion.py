"""Make src/emogene/assets/audio2motion.safetensors: the embedded lip branch.

    python training/audio2motion.py [--data ../shared/data] [--steps 1600] [--seed 0]

Learns from GRID speaker 1 (CC BY 4.0; Cooke, Barker, Cunningham and Shao 2006): 929 clips of 3 s, every
tenth by sorted name held out. Resumes from .cache/audio2motion.pt after a kill. Takes about 15 minutes on
one core.

What makes it hear other voices: each clip is also played 15% faster and slower (pitch, formants and tempo
move), and every batch is filtered, warped in frequency, buried in noise and cut to telephone bandwidth at
random. Noise and music alone must leave the mouth at rest.
"""

import argparse
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor
from torch.nn import functional as F

from emogene.audio import SAMPLE_RATE, analyse, load_audio
from emogene.audio2motion.ear import QUIETEST, RANGE, EarConfig
from emogene.audio2motion.lips import ASSET, LipConfig, LipNet, save
from emogene.audio2motion.vae import VAEConfig
from emogene.face.landmarks import PARTS
from grid import DATA, ROOT, load_tracks

AVERAGE = torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
CROP = 64  # video frames of a training example
TEMPI = (20, 17, 23)  # played at 1, 0.85 and 1.15 times the speed, in twentieths
UNIT = 0.02  # decimetres: about the spread of a lip point
INNER_PAIRS = (torch.tensor([61, 62, 63]), torch.tensor([67, 66, 65]))
CLOSED = 0.012  # decimetres between the lips
WEIGHTS = {"jaw": 0.3, "brows": 0.02, "nose": 0.2, "eyes": 0.02, "mouth": 1.0}
ATTRIBUTION = (
    "Learnt from the GRID corpus, speaker 1: M. Cooke, J. Barker, S. Cunningham, X. Shao, 'An audio-visual "
    "corpus for speech perception and automatic speech recognition', JASA 2006, CC BY 4.0."
)
NEPER = np.log(10) / 10  # of power, to a decibel


NET = LipConfig(
    EarConfig(channels=96),
    VAEConfig(
        features=96,
        channels=64,
        outputs=16,
        hidden=96,
        latent=8,
        encoder_layers=4,
        decoder_layers=4,
        flow_hidden=32,
        flow_layers=2,
        mouth_amp=False,
    ),
)


@dataclass(frozen=True)
class TrainConfig:
    """How the embedded lip branch is trained."""

    steps: int = 1600
    batch: int = 32
    rate: float = 1.5e-3
    seed: int = 0
    kl: float = 0.02
    gap: float = 0.5
    closed_weight: float = 3.0
    velocity: float = 1.0
    negatives: float = 0.08
    net: LipConfig = NET


@dataclass
class Examples:
    """Clips of differing lengths: log-mel relative to the clip's level, f0, and displacement from rest."""

    mel: list[np.ndarray]
    f0: list[np.ndarray]
    shape: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.mel)


def held_out(clips: np.ndarray) -> np.ndarray:
    """Every tenth clip by sorted name."""
    return np.isin(clips, np.sort(clips)[::10])


def level(loudness: np.ndarray) -> float:
    return max(float(np.quantile(loudness, 0.95)), QUIETEST) * NEPER


def hear(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    speech = analyse(samples)
    return speech.mel - level(speech.loudness), speech.f0, speech.loudness


def rest_face(points: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """``[68, 3]``: the clip's frames in silence with closed lips; it takes out what tracking left of the
    pose."""
    frames = min(len(points), len(loudness[::2]))
    gap = points[:frames, 62, 1] - points[:frames, 66, 1]
    quiet = loudness[::2][:frames] < np.quantile(loudness, 0.95) - 20
    still = quiet & (gap < CLOSED)
    return points[:frames][still].mean(0)


def prepare(data: Path) -> tuple[Examples, np.ndarray, np.ndarray]:
    """All examples (cached), the names of their clips and the checksums of the sound files."""
    stored = ROOT / ".cache" / "audio2motion_examples.npz"
    if not stored.exists():
        np.savez(stored, allow_pickle=False, **_examples(data))
    with np.load(stored) as archive:
        split = lambda key, at: np.split(archive[key], np.cumsum(archive[at])[:-1])  # noqa: E731
        mel, f0 = split("mel", "rows"), split("f0", "rows")
        shape = split("shape", "frames")
        return Examples(mel, f0, shape), archive["clip"], archive["checksum"]


def _examples(data: Path) -> dict[str, np.ndarray]:
    tracks = load_tracks(data, ROOT / ".cache")
    mels, f0s, shapes, clips, checksums = [], [], [], [], []
    for clip in tracks.clip:
        path = data / "grid_s1" / "audio" / f"{clip}.opus"
        samples = load_audio(path).samples
        points = tracks.points[tracks.rows(clip)]
        shape = points - rest_face(points, analyse(samples).loudness)
        for tempo in TEMPI:
            played = resample_poly(samples, 20, tempo).astype(np.float32) if tempo != 20 else samples
            frames = len(played) * 25 // SAMPLE_RATE
            mel, f0, _ = hear(played)
            moment = np.minimum(np.arange(frames) * tempo / 20, len(shape) - 1)
            before = moment.astype(int)
            after, share = np.minimum(before + 1, len(shape) - 1), (moment - before)[:, None, None]
            mels.append(np.pad(mel, ((0, max(0, 2 * frames - len(mel))), (0, 0)), "edge")[: 2 * frames])
            f0s.append(np.pad(f0, (0, max(0, 2 * frames - len(f0))))[: 2 * frames])
            shapes.append((shape[before] * (1 - share) + shape[after] * share).astype(np.float32))
            clips.append(clip)
            checksums.append(zlib.crc32(path.read_bytes()))
    return {
        "mel": np.concatenate(mels).astype(np.float16),
        "f0": np.concatenate(f0s),
        "shape": np.concatenate(shapes),
        "rows": np.array([len(m) for m in mels]),
        "frames": np.array([len(s) for s in shapes]),
        "clip": np.array(clips),
        "checksum": np.array(checksums),
    }


def mouth_shapes(shapes: np.ndarray, count: int) -> np.ndarray:
    """Principal components ``[count, 68, 3]`` of the displacement, a unit being their spread; lips count
    most."""
    weight = np.sqrt(point_weights())[None, :, None]
    flat = (shapes * weight).reshape(len(shapes), -1).astype(np.float64)
    spread, axes = np.linalg.eigh(flat.T @ flat / len(flat))
    axes = axes[:, ::-1][:, :count].T * np.sqrt(spread[::-1][:count, None])
    return (axes.reshape(count, 68, 3) / weight).astype(np.float32)


def point_weights() -> np.ndarray:
    weights = np.zeros(68, np.float32)
    for part, where in PARTS.items():
        weights[where] = WEIGHTS[part]
    return weights


def project(shapes: Tensor, basis: Tensor, weights: Tensor) -> Tensor:
    """Coefficients ``[..., K]`` of the best fit to ``[..., 68, 3]``, by weighted least squares."""
    flat = (basis * weights.sqrt()[:, None]).flatten(1)
    target = (shapes * weights.sqrt()[:, None]).flatten(-2)
    return target @ torch.linalg.pinv(flat)


class Batches:
    """Random crops, made to sound like someone and somewhere else."""

    def __init__(
        self, examples: Examples, negatives: list[tuple[np.ndarray, np.ndarray]], config: TrainConfig
    ):
        self.examples, self.negatives, self.config = examples, negatives, config
        self.hz = 700 * (10 ** (np.arange(80) / 80 * np.log10(1 + 8000 / 700)) - 1)

    def __call__(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        mels, f0s, shapes = [], [], []
        for _ in range(self.config.batch):
            if rng.random() < self.config.negatives:
                mel, f0 = self.negatives[rng.integers(len(self.negatives))]
                start = rng.integers(0, len(mel) - 2 * CROP + 1)
                mel, f0 = mel[start : start + 2 * CROP].copy(), f0[start : start + 2 * CROP]
                shape = np.zeros((CROP, 68, 3), np.float32)
            else:
                mel, f0, shape = self._crop(rng)
            mel, f0 = self._disguise(mel, f0, rng)
            mels.append(np.clip(mel, -RANGE, None) * (2 / RANGE) + 1)
            f0s.append(f0)
            shapes.append(shape)
        mel, f0, shape = (torch.from_numpy(np.stack(x).astype(np.float32)) for x in (mels, f0s, shapes))
        return mel, f0, shape

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        i = rng.integers(len(self.examples))
        shape = self.examples.shape[i]
        start = int(rng.integers(0, len(shape) - CROP + 1))
        rows = slice(2 * start, 2 * (start + CROP))
        mel = self.examples.mel[i][rows].astype(np.float32)
        return mel, self.examples.f0[i][rows], shape[start : start + CROP]

    def _disguise(
        self, mel: np.ndarray, f0: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        if rng.random() < 0.7:  # another vocal tract
            warp = np.exp(rng.uniform(-0.16, 0.16))
            source = np.interp(self.hz * warp, self.hz, np.arange(80))
            low = np.minimum(source.astype(int), 78)
            mel = mel[:, low] * (1 - (source - low)) + mel[:, low + 1] * (source - low)
            f0 = f0 * np.exp(rng.uniform(-0.3, 0.6))
        tilt = np.linspace(-1, 1, 80)
        colour = rng.normal(0, 0.7) * tilt
        for k in (1, 2, 3):
            colour += rng.normal(0, 0.4) * np.cos(np.pi * k * (tilt + rng.uniform(-1, 1)))
        mel = mel + colour + rng.uniform(-1.5, 1.0)
        if rng.random() < 0.5:  # a room that is not quiet
            floor = rng.uniform(-12, -3) + rng.normal(0, 1.5) * tilt
            noise = floor + np.log(rng.gamma(4, 0.25, mel.shape) + 1e-3)
            mel = np.logaddexp(mel, noise)
        if rng.random() < 0.15:  # a telephone
            mel = np.where(self.hz > rng.uniform(3200, 4000), -20, mel)
        return mel, f0


def unspoken(rng: np.random.Generator, count: int = 40) -> list[tuple[np.ndarray, np.ndarray]]:
    """Noise of all colours and chords of plucked and bowed notes, heard as the rest is: lips stay shut."""
    heard = []
    seconds, t = 6, np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    for i in range(count):
        if i % 2:
            sound = np.zeros_like(t)
            beat = rng.uniform(0.15, 0.6)
            for start in np.arange(0, seconds, beat):
                for _ in range(rng.integers(1, 5)):
                    hz = 440 * 2 ** (rng.integers(-24, 16) / 12)
                    age = np.maximum(t - start, 0)
                    envelope = np.exp(-age * rng.uniform(0.5, 6)) * (t >= start) * np.minimum(age / 0.01, 1)
                    for k in range(1, 8):
                        if hz * k < 7500:
                            sound += envelope * np.sin(2 * np.pi * hz * k * t) / k ** rng.uniform(0.8, 2)
        else:
            spectrum = np.fft.rfft(rng.normal(size=len(t)))
            hz = np.fft.rfftfreq(len(t), 1 / SAMPLE_RATE)
            sound = np.fft.irfft(spectrum / np.maximum(hz, 50) ** rng.uniform(0, 1.2), len(t))
        sound = sound / np.abs(sound).max() * 0.5
        mel, f0, _ = hear(sound.astype(np.float32))
        heard.append((mel, f0))
    return heard


def losses(
    net: LipNet, mel: Tensor, f0: Tensor, shape: Tensor, config: TrainConfig, rng: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Total loss of a batch and its parts. The prior's own guess is trained as hard as the reconstruction:
    it is what will be used."""
    weights = torch.from_numpy(point_weights())
    coefficients = project(shape, net.basis, weights)
    condition = net.condition(mel, f0)
    slots = (len(mel), net.vae.config.latent, CROP // net.vae.config.stride)
    rebuilt = net.vae.reconstruct(condition, coefficients, torch.randn(slots, generator=rng))
    guessed = net.vae.sample(condition, 0.2 * torch.randn(slots, generator=rng))
    parts = {"kl": config.kl * rebuilt.kl}
    for name, motion in (("rebuilt", rebuilt.motion), ("guessed", guessed)):
        parts[name] = likeness(net.displacement(motion), shape, weights, config)
    parts["energy"] = 0.01 * guessed.square().mean()
    return torch.stack(list(parts.values())).sum(), {k: float(v.detach()) for k, v in parts.items()}


def likeness(found: Tensor, wanted: Tensor, weights: Tensor, config: TrainConfig) -> Tensor:
    """Distance of ``[B, T, 68, 3]`` from what was wanted: places, speeds, and above all whether lips meet."""
    scale = weights[:, None] / weights.sum() / UNIT**2
    error = found - wanted
    place = (error.square() * scale).sum((-1, -2)).mean()
    speed = (error.diff(dim=1).square() * scale).sum((-1, -2)).mean()
    upper, lower = INNER_PAIRS
    gap = (found[..., upper, 1] - found[..., lower, 1]) / UNIT
    truth = (wanted[..., upper, 1] - wanted[..., lower, 1]) / UNIT
    shut = torch.where(truth < CLOSED / UNIT, config.closed_weight, 1.0)
    lips = (shut * F.smooth_l1_loss(gap, truth, reduction="none", beta=0.3)).mean()
    return place + config.velocity * speed + config.gap * lips


def train(
    config: TrainConfig, data: Path, checkpoint: Path
) -> tuple[LipNet, list[dict[str, float]], np.ndarray]:
    """The trained network, its log, and the checksums of the files it learnt from."""
    examples, clips, checksums = prepare(data)
    use = np.flatnonzero(~held_out(clips))
    learn = Examples(*([part[i] for i in use] for part in (examples.mel, examples.f0, examples.shape)))
    torch.manual_seed(config.seed)
    net = LipNet(config.net)
    net.basis.copy_(torch.from_numpy(mouth_shapes(np.concatenate(learn.shape[::3]), config.net.vae.outputs)))
    optimiser = torch.optim.AdamW(net.parameters(), config.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, config.steps, pct_start=0.1)
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=AVERAGE, use_buffers=True)
    keep = {"net": net, "optimiser": optimiser, "schedule": schedule, "average": average}
    first, log = 0, []
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["config"] == json.dumps(asdict(config)):
            for name, part in keep.items():
                part.load_state_dict(state[name])
            first, log = state["step"], state["log"]
    batches = Batches(learn, unspoken(np.random.default_rng(config.seed)), config)
    for step in range(first, config.steps):
        # Seeded by the step, so that a resumed run is the same run.
        batch = batches(np.random.default_rng((config.seed, step)))
        noise = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        loss, parts = losses(net, *batch, config, noise)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        log.append({"step": step, "loss": float(loss.detach()), **parts})
        if step % 100 == 99:
            recent = {k: round(float(np.mean([entry[k] for entry in log[-100:]])), 4) for k in log[-1]}
            print(recent, flush=True)
        if step % 500 == 499:
            states = {name: part.state_dict() for name, part in keep.items()}
            torch.save(
                {**states, "step": step + 1, "log": log, "config": json.dumps(asdict(config))}, checkpoint
            )
    net.load_state_dict(average.module.state_dict())
    return net.eval(), log, np.unique(checksums[use])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--steps", type=int, default=TrainConfig.steps)
    parser.add_argument("--seed", type=int, default=TrainConfig.seed)
    parser.add_argument("--out", type=Path, default=ASSET)
    arguments = parser.parse_args()
    config = TrainConfig(steps=arguments.steps, seed=arguments.seed)
    net, _, checksums = train(config, arguments.data, ROOT / ".cache" / "audio2motion.pt")
    about = {
        "licence": "CC BY 4.0",
        "attribution": ATTRIBUTION,
        "training": json.dumps(asdict(config)),
        "learnt_from": " ".join(f"{int(c):08x}" for c in checksums),
    }
    save(net, arguments.out, about)


if __name__ == "__main__":
    main()
