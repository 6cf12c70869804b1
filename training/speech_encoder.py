"""Make src/emogene/assets/speech_encoder.safetensors: the speech encoder, a student of Whisper-base.

    python training/speech_encoder.py --teacher whisper-base.bin [--data ../shared/data]
        [--voices .cache/voices] [--windows 1000] [--steps 1200] [--seed 0]

Learns from GRID speaker 1 (CC BY 4.0; Cooke, Barker, Cunningham and Shao 2006), facegood (MIT), and synthetic
speech (training/voices.py: Kokoro-82M, espeak-ng, flite), no recording of which carries a label. The
teacher (training/whisper.py) hears every window clean; the student hears it filtered, in a room, in noise,
over a telephone, loud or faint, with its formants moved, and learns to give the teacher's features all
the same. Resumes after a kill: windows in .cache/speech_encoder/, the network in .cache/speech_encoder.pt.
"""

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import speech_windows
from emogene.audio.encoder import ASSET, FEATURES, LEVEL, SPREAD, EncoderConfig, EncoderNet, save
from emogene.audio.spectrum import MEL_BANDS
from grid import DATA, ROOT
from speech_windows import FRAMES, LAYERS, Windows
from whisper import WIDTH

CACHE = ROOT / ".cache"
BATCH = 8
LEARNT = 192  # features while training
CLIP = 4.0  # standard deviations of a teacher's feature
FLOOR = 1e-8  # of the spectrum's power
DECIBEL = np.log(10) / 10
NOTES = {
    "licence": "CC BY 4.0",
    "source": (
        "Distilled from Whisper-base (OpenAI, MIT) on the GRID corpus, speaker 1 (M. Cooke, J. Barker, "
        "S. Cunningham, X. Shao, JASA 2006; CC BY 4.0), facegood (MIT) and synthetic speech "
        "(Kokoro-82M, Apache-2.0; espeak-ng; flite)."
    ),
    "made_by": "training/speech_encoder.py",
}


@dataclass(frozen=True)
class TrainConfig:
    """How the encoder is trained."""

    windows: int = 1000
    steps: int = 1200
    rate: float = 2e-3
    warm_up: int = 60
    average: float = 0.99
    seed: int = 0


class Student(nn.Module):
    """The encoder and a linear map from its features to the teacher's ``[B, T, 512 len(LAYERS)]``."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.encoder = EncoderNet(config)
        self.head = nn.Linear(config.features, WIDTH * len(LAYERS))

    def forward(self, mel: Tensor) -> Tensor:
        return self.head(self.encoder(mel))


class Teaching:
    """Batches of disguised windows with the teacher's standardised features of the undisguised ones."""

    def __init__(self, windows: Windows, config: EncoderConfig) -> None:
        self.windows = windows
        back, ahead = config.reach
        self.inside = slice(back, FRAMES - ahead)
        sample = windows.target[:: max(1, len(windows.source) // 100)].astype(np.float32)
        sample = sample.reshape(-1, sample.shape[-1])
        self.mean = torch.from_numpy(sample.mean(0))
        self.scale = torch.from_numpy(sample.std(0))

    def __call__(self, chosen: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        """``[B, 500, 160]`` and the targets of its inner frames; as it is without ``rng``."""
        mel = torch.from_numpy(self.windows.mel[chosen].astype(np.float32))
        target = torch.from_numpy(self.windows.target[chosen][:, self.inside].astype(np.float32))
        if rng is not None:
            mel = disguise(mel, rng)
        return mel, ((target - self.mean) / self.scale).clamp(-CLIP, CLIP)


def disguise(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """``[B, T, 160]`` of another voice, room, microphone, background and level."""
    power = (mel * SPREAD - LEVEL).exp().reshape(len(mel), -1, MEL_BANDS)
    heard = torch.stack([_disguised(i, power, rng) for i in range(len(mel))])
    return (((heard + FLOOR).log() + LEVEL) / SPREAD).reshape(mel.shape)


def _disguised(i: int, batch: Tensor, rng: np.random.Generator) -> Tensor:
    """``[2T, 80]`` mel power at 100 Hz of window ``i``; a tenth only change their level."""
    power = batch[i]
    if rng.random() < 0.9:
        power = _warped(power, rng.uniform(0.93, 1.07))
        if rng.random() < 0.3:
            power = _reverberant(power, rng.uniform(3, 15), rng.uniform(0.1, 1))
        if rng.random() < 0.6:
            power = power + _noise(i, batch, rng) * power.mean() * 10 ** -rng.uniform(0, 3)
        power = power * _filter(rng)
    return power * 10 ** rng.uniform(-2, 1.4)


def _warped(power: Tensor, scale: float) -> Tensor:
    """Formants moved by ``scale`` on the mel axis."""
    band = (torch.arange(MEL_BANDS) * scale).clamp(max=MEL_BANDS - 1.001)
    low = band.long()
    share = band - low
    return power[:, low] ** (1 - share) * power[:, low + 1] ** share


def _reverberant(power: Tensor, decay: float, amount: float) -> Tensor:
    """An exponential tail behind every sound, ``decay`` in 10 ms."""
    tail = torch.exp(-torch.arange(40, 0, -1) / decay)
    tail = F.pad(tail * (amount / tail.sum()), (0, 1), value=1.0)
    return F.conv1d(F.pad(power.T[:, None], (40, 0)), tail[None, None])[:, 0].T


def _noise(i: int, batch: Tensor, rng: np.random.Generator) -> Tensor:
    """Power of mean 1: another window (somebody speaks in the background) or coloured noise."""
    if rng.random() < 0.3:
        other = batch[(i + rng.integers(1, len(batch))) % len(batch)]
        return other / other.mean().clamp(min=FLOOR)
    noise = torch.from_numpy(rng.gamma(8, 1 / 8, batch[i].shape).astype(np.float32)) * _curve(rng, 10)
    return noise / noise.mean()


def _curve(rng: np.random.Generator, decibel: float) -> Tensor:
    """``[80]`` smooth factors of power."""
    knots = rng.normal(0, decibel, 5)
    return torch.from_numpy(
        np.exp(DECIBEL * np.interp(np.arange(MEL_BANDS), np.linspace(0, MEL_BANDS - 1, 5), knots))
    ).float()


def _filter(rng: np.random.Generator) -> Tensor:
    """``[80]`` factors of a microphone; one in seven hears no treble, half of these no bass either."""
    gain = _curve(rng, 4)
    if rng.random() < 0.15:
        gain[rng.integers(50, 75) :] *= 1e-5
        if rng.random() < 0.5:
            gain[: rng.integers(3, 9)] *= 1e-3
    return gain


def train(config: TrainConfig, net: EncoderConfig, teaching: Teaching, store: Path) -> Student:
    """The averaged student after ``config.steps``."""
    torch.manual_seed(config.seed)
    student = Student(net)
    decay = torch.optim.swa_utils.get_ema_multi_avg_fn(config.average)
    average = torch.optim.swa_utils.AveragedModel(student, multi_avg_fn=decay)
    optimiser = torch.optim.AdamW(student.parameters(), lr=config.rate, weight_decay=0.01, betas=(0.9, 0.98))
    step = 0
    if store.exists():
        state = torch.load(store, weights_only=True)
        student.load_state_dict(state["student"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    began, losses = time.monotonic(), []
    while step < config.steps:
        rng = np.random.default_rng([config.seed, step])
        optimiser.param_groups[0]["lr"] = config.rate * schedule(step, config)
        mel, target = teaching(rng.choice(len(teaching.windows.source), BATCH, replace=False), rng)
        with torch.autocast("cpu", torch.bfloat16):
            found = student(mel)
        loss = F.mse_loss(found.float(), target)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(student)
        losses.append(loss.item())
        step += 1
        if step % 50 == 0 or step == config.steps:
            seconds = (time.monotonic() - began) / len(losses)
            print(f"{step} loss {np.mean(losses[-50:]):.4f} {seconds:.2f} s a step", flush=True)
            state = {"student": student.state_dict(), "average": average.state_dict()}
            state |= {"optimiser": optimiser.state_dict(), "step": step}
            torch.save(state, store.with_suffix(".new"))
            store.with_suffix(".new").replace(store)
    student.load_state_dict(average.module.state_dict())
    return student.eval()


def schedule(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = (step - config.warm_up) / (config.steps - config.warm_up)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


@torch.inference_mode()
def ordered(student: Student, teaching: Teaching, kept: int = FEATURES) -> EncoderNet:
    """The encoder with its features turned so that each has mean 0 and variance 1 over the training speech,
    uncorrelated, those that tell most about the teacher's first; of the rest, mostly noise, none."""
    speech = [i for i, source in enumerate(teaching.windows.source) if source != "noise"][:160]
    parts = [student.encoder(teaching(np.array([i]), None)[0])[0] for i in speech]
    features = torch.cat(parts).double()
    mean = features.mean(0)
    values, axes = torch.linalg.eigh((features - mean).T @ (features - mean) / len(features))
    values = values.clamp(min=values.max() * 1e-6)
    spread = axes * values.sqrt()
    _, _, turn = torch.linalg.svd(student.head.weight.double() @ spread)
    whiten = turn @ (axes / values.sqrt()).T
    leave = student.encoder.leave
    tensors = student.encoder.state_dict()
    tensors["leave.bias"] = (whiten @ (leave.bias.double() - mean))[:kept]
    tensors["leave.weight"] = (whiten @ leave.weight.double())[:kept]
    encoder = EncoderNet(replace(student.encoder.config, features=kept))
    encoder.load_state_dict(tensors)
    return encoder.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--voices", type=Path, default=CACHE / "voices")
    parser.add_argument("--teacher", type=Path, default=CACHE / "whisper-base.bin")
    parser.add_argument("--steps", type=int, default=TrainConfig.steps)
    parser.add_argument("--windows", type=int, default=TrainConfig.windows, help="of 10 s to learn from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "src" / "emogene" / "assets" / ASSET)
    args = parser.parse_args()
    config, net = (
        TrainConfig(steps=args.steps, windows=args.windows, seed=args.seed),
        EncoderConfig(features=192),
    )
    made_from = (args.data, args.voices, args.teacher, CACHE / "speech_encoder")
    windows = speech_windows.prepare(*made_from, config.windows, config.seed)
    teaching = Teaching(windows, net)
    student = train(config, net, teaching, CACHE / "speech_encoder.pt")
    save(ordered(student, teaching), args.out, NOTES | {"train_config": json.dumps(asdict(config))})


if __name__ == "__main__":
    main()
