"""Make src/emogene/assets/speech_encoder.safetensors: Whisper-base's first layers, made local.

    python training/speech_encoder.py --teacher whisper-base.bin [--data ../shared/data]
        [--voices .cache/voices] [--windows 1200] [--steps 1500] [--seed 0]

Whisper attends to 30 s by absolute positions; the encoder attends to a second by distance, and has to learn
to do as well with it.

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
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import speech_windows
from curves import record
from emogene.audio.encoder import ASSET, FORMAT, EncoderConfig, EncoderNet, Layer
from emogene.audio.mel import BANDS, FLOOR, log_mel_rows
from emogene.weights.file import save_network
from grid import DATA, ROOT
from speech_windows import FRAMES, Windows
from whisper import WIDTH, Whisper, read_ctranslate2

CACHE = ROOT / ".cache"
CLIP = 4.0  # standard deviations of a teacher's feature
HEADS_FROM = 24  # windows that tell what the positions do
DECIBEL = np.log(10) / 10
NOTES = {
    "licence": "CC BY 4.0",
    "source": (
        "The first layers of Whisper-base (OpenAI, MIT), trained further on the GRID corpus, speaker 1 "
        "(M. Cooke, J. Barker, S. Cunningham, X. Shao, JASA 2006; CC BY 4.0), facegood (MIT) and synthetic "
        "speech (Kokoro-82M, Apache-2.0; espeak-ng; flite)."
    ),
    "made_by": "training/speech_encoder.py",
}


@dataclass(frozen=True)
class TrainConfig:
    """How the encoder is trained."""

    windows: int = 1200
    steps: int = 1500
    batch: int = 8
    rate: float = 3e-4
    bias_rate: float = 2e-2
    last: float = 0.3  # weight of the teacher's last layer against the third
    warm_up: int = 30
    average: float = 0.98
    seed: int = 0


class Student(nn.Module):
    """The encoder and a linear map from its features to the teacher's last layer, ``[B, T, 512]``."""

    def __init__(self, encoder: EncoderNet) -> None:
        super().__init__()
        self.encoder = encoder
        self.last = nn.Linear(WIDTH, WIDTH)

    def forward(self, mel: Tensor) -> Tensor:
        """``[B, T, 1024]``: as the teacher's layers, both standardised."""
        x = self.encoder(mel)
        return torch.cat([x, self.last(x)], -1)


def from_whisper(path: Path, config: EncoderConfig) -> EncoderNet:
    """Whisper's first layers. The mean of its positions stands in their place."""
    arrays = read_ctranslate2(path)
    mine = EncoderNet(config).state_dict()

    def copy(name: str, source: str, rows: slice = slice(None)) -> None:
        mine[name] = torch.from_numpy(arrays[f"encoder/{source}"].astype(np.float32))[rows]

    for name in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            copy(f"{name}.{kind}", f"{name}/{kind}")
    copy("position", "position_encodings/encodings", slice(FRAMES))
    mine["position"] = mine["position"].mean(0)
    for i in range(config.layers):
        attention, feed = f"layer_{i}/self_attention", f"layer_{i}/ffn"
        for name, source in {"attention_norm": attention, "mlp_norm": feed}.items():
            copy(f"layers.{i}.{name}.weight", f"{source}/layer_norm/gamma")
            copy(f"layers.{i}.{name}.bias", f"{source}/layer_norm/beta")
        for kind in ("weight", "bias"):
            copy(f"layers.{i}.query.{kind}", f"{attention}/linear_0/{kind}", slice(WIDTH))
            copy(f"layers.{i}.key_value.{kind}", f"{attention}/linear_0/{kind}", slice(WIDTH, None))
            copy(f"layers.{i}.out_proj.{kind}", f"{attention}/linear_1/{kind}")
            copy(f"layers.{i}.fc1.{kind}", f"{feed}/linear_0/{kind}")
            copy(f"layers.{i}.fc2.{kind}", f"{feed}/linear_1/{kind}")
    net = EncoderNet(config)
    net.load_state_dict(mine)
    return net


@torch.inference_mode()
def place_by_distance(net: EncoderNet, teacher: Path, sounds: Tensor) -> None:
    """Give every head the bias for each distance that Whisper's positions give it on average.

    The part of a state that depends on the position alone is the mean over the ``sounds [N, 160000]``; the
    bias is what taking it out changes in the mean logit of each distance.
    """
    states = Whisper(teacher, tuple(range(net.config.layers)), torch.float32)(sounds)
    for layer, state in zip(cast(Iterable[Layer], net.layers), states, strict=True):
        place = state.mean(0)
        change = _logits(layer, state) - _logits(layer, state - place + place.mean(0))
        bias = [change.diagonal(d, 2, 3).mean((0, 2)) for d in range(-layer.back, layer.ahead + 1)]
        layer.relative_bias.copy_(torch.stack(bias, 1) - torch.stack(bias).mean(0)[:, None])


def _logits(layer: Layer, x: Tensor) -> Tensor:
    """``[N, heads, T, T]``: how much every frame attends to every other."""
    normal = layer.attention_norm(x)
    key = layer.key_value(normal)[..., : x.shape[-1]]
    query, key = (y.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for y in (layer.query(normal), key))
    return query @ key.mT / query.shape[-1] ** 0.5


class Teaching:
    """Batches of disguised windows with the teacher's standardised features of the undisguised ones, less
    what they owe to the place in the window."""

    def __init__(self, windows: Windows, config: EncoderConfig) -> None:
        self.windows = windows
        back, ahead = config.reach
        self.inside = slice(back, FRAMES - ahead)
        total, square = torch.zeros(2, FRAMES, windows.target.shape[-1], dtype=torch.float64)
        for target in windows.target:
            value = torch.from_numpy(target.astype(np.float64))
            total += value
            square += value.square()
        count = len(windows.source)
        self.place = total / count
        self.scale = (square.sum(0) - count * self.place.square().sum(0)).div(count * FRAMES).sqrt().float()
        self.place = self.place.float()

    def __call__(self, chosen: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        """``[B, 1003, 80]`` and the targets of its inner frames; as it is without ``rng``."""
        mel = torch.from_numpy(self.windows.mel[chosen].astype(np.float32))
        target = torch.from_numpy(self.windows.target[chosen][:, self.inside].astype(np.float32))
        if rng is not None:
            mel = disguise(mel, rng)
        return mel, ((target - self.place[self.inside]) / self.scale).clamp(-CLIP, CLIP)


def disguise(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """``[B, T, 80]`` of another voice, room, microphone, background and level."""
    power = 10 ** (mel * 4 - 4)
    heard = torch.stack([_disguised(i, power, rng) for i in range(len(mel))])
    return (heard.clamp(min=FLOOR).log10() + 4) / 4


def _disguised(i: int, batch: Tensor, rng: np.random.Generator) -> Tensor:
    """``[T, 80]`` mel power at 100 Hz of window ``i``; a tenth only change their level."""
    power = batch[i]
    if rng.random() < 0.9:
        power = _warped(power, rng.uniform(0.93, 1.07))
        if rng.random() < 0.3:
            power = _reverberant(power, rng.uniform(3, 15), rng.uniform(0.1, 1))
        if rng.random() < 0.6:
            power = power + _noise(i, batch, rng) * power.mean() * 10 ** -rng.uniform(0, 3)
        power = power * _filter(rng)
    return power * 10 ** rng.uniform(-1.5, 1)


def _warped(power: Tensor, scale: float) -> Tensor:
    """Formants moved by ``scale`` on the mel axis."""
    band = (torch.arange(BANDS) * scale).clamp(max=BANDS - 1.001)
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
    if len(batch) > 1 and rng.random() < 0.3:
        other = batch[(i + rng.integers(1, len(batch))) % len(batch)]
        return other / other.mean().clamp(min=FLOOR)
    noise = torch.from_numpy(rng.gamma(8, 1 / 8, batch[i].shape).astype(np.float32)) * _curve(rng, 10)
    return noise / noise.mean()


def _curve(rng: np.random.Generator, decibel: float) -> Tensor:
    """``[80]`` smooth factors of power."""
    knots = rng.normal(0, decibel, 5)
    return torch.from_numpy(
        np.exp(DECIBEL * np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 5), knots))
    ).float()


def _filter(rng: np.random.Generator) -> Tensor:
    """``[80]`` factors of a microphone; one in seven hears no treble, half of these no bass either."""
    gain = _curve(rng, 4)
    if rng.random() < 0.15:
        gain[rng.integers(50, 75) :] *= 1e-5
        if rng.random() < 0.5:
            gain[: rng.integers(3, 9)] *= 1e-3
    return gain


def train(config: TrainConfig, student: Student, teaching: Teaching, store: Path) -> Student:
    """The averaged student after ``config.steps``."""
    decay = torch.optim.swa_utils.get_ema_multi_avg_fn(config.average)
    average = torch.optim.swa_utils.AveragedModel(student, multi_avg_fn=decay)
    distances = [layer.relative_bias for layer in student.encoder.layers]
    rest = [p for p in student.parameters() if all(p is not d for d in distances)]
    groups = [{"params": rest, "rate": config.rate}, {"params": distances, "rate": config.bias_rate}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0, betas=(0.9, 0.98))
    step = 0
    if store.exists():
        state = torch.load(store, weights_only=True)
        student.load_state_dict(state["student"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    weight = torch.cat([torch.ones(WIDTH), torch.full((WIDTH,), config.last)])
    began, losses = time.monotonic(), []
    while step < config.steps:
        rng = np.random.default_rng([config.seed, step])
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * schedule(step, config)
        mel, target = teaching(rng.choice(len(teaching.windows.source), config.batch, replace=False), rng)
        with torch.autocast("cpu", torch.bfloat16):
            found = student(mel)
        error = (found.float() - target).square().mean((0, 1))
        optimiser.zero_grad()
        (error * weight).mean().backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(student)
        losses.append([part.mean().item() for part in error.split(WIDTH)])
        step += 1
        if step % 25 == 0 or step == config.steps:
            seconds = (time.monotonic() - began) / len(losses)
            third, last = np.mean(losses[-25:], axis=0)
            print(f"{step} error {third:.4f}, last layer {last:.4f}, {seconds:.2f} s a step", flush=True)
            record("speech_encoder", step, {"third layer": third, "last layer": last})
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
def standardise(encoder: EncoderNet, teaching: Teaching, count: int = 100) -> None:
    """Set the encoder's scale so that every feature is 0 in silence and has variance 1 over speech."""
    speech = [i for i, source in enumerate(teaching.windows.source) if source != "noise"][:count]
    features = torch.cat([encoder(teaching(np.array([i]), None)[0])[0] for i in speech])
    silence = encoder(torch.from_numpy(log_mel_rows(np.zeros(0, np.float32), 0, FRAMES))[None])[0, 0]
    encoder.mean += silence * encoder.spread
    encoder.spread *= features.std(0)


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
    config = TrainConfig(steps=args.steps, windows=args.windows, seed=args.seed)
    folders = (args.data, args.voices, args.teacher, CACHE / "speech_encoder")
    windows = speech_windows.prepare(*folders, config.windows, config.seed)
    torch.manual_seed(config.seed)
    net = EncoderConfig()
    encoder = from_whisper(args.teacher, net)
    plan = speech_windows.planned(speech_windows.sources(args.data, args.voices), config.seed)
    sounds = [speech_windows.sound(plan, i, config.seed) for i in range(HEADS_FROM)]
    place_by_distance(encoder, args.teacher, torch.from_numpy(np.stack(sounds)))
    teaching = Teaching(windows, net)
    encoder.mean.copy_(teaching.place[:, :WIDTH].mean(0))
    encoder.spread.copy_(teaching.scale[:WIDTH])
    student = train(config, Student(encoder), teaching, CACHE / "speech_encoder.pt")
    standardise(student.encoder, teaching)
    notes = NOTES | {"train_config": json.dumps(asdict(config))}
    save_network(student.encoder, args.out, FORMAT, notes, storage="int8")


if __name__ == "__main__":
    main()
