"""Train the emotion branch: ``python training/emotalk.py [--data DIR]``; about 45 minutes on one core.

Needs the extras ``train`` and ``official`` (for Praat), and the speech encoder.

1. the content network on GRID, the listener on all actors of RAVDESS;
2. the listener in five folds by actor: the figures for people never heard, and the calibration;
3. the AUs of each emotion; everything into src/emogene/assets/emotalk.safetensors, the figures into
   training/emotalk.md. (What a face then does is written down in emogene.emotalk.expressions.)

Every stage is kept in the cache folder, and a stage that was cut short goes on from its last epoch.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional as F

from curves import record
from emogene.audio.encoder import ASSET as ENCODER
from emogene.emotalk.content import REACH as CONTENT_REACH
from emogene.emotalk.content import SPOKEN, Content
from emogene.emotalk.emotion import HEARD
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.features import N_PROSODY
from emogene.emotalk.listener import REACH, STRIDE, Listener, ListenerConfig, Member
from emogene.emotalk.model import EMBEDDED, STRONG
from emogene.emotalk.network import FORMAT, Calibration, EmotionConfig, EmotionNet
from emogene.emotalk.stage import NetworkStage
from emogene.weights.file import save_network
from emotalk_data import Clips, Takes, load_clips, load_takes, no_speech, spoken_shapes, vary, window
from grid import DATA, ROOT

LICENCE = "CC BY-NC-SA 4.0"
SOURCES = (
    "RAVDESS (Livingstone & Russo 2018, CC BY-NC-SA 4.0); "
    "GRID speaker 1 (Cooke, Barker, Cunningham & Shao 2006, CC BY 4.0)"
)
SHOWN_UNITS = ("AU12", "AU06", "AU10", "AU04")  # the four that the figures are about


@dataclass(frozen=True)
class Config:
    """Settings of the training."""

    data: Path = DATA
    """Folder with ravdess and grid_s1."""
    voices: Path = ROOT / ".cache" / "voices"
    """Synthetic speech, made by training/voices.py."""
    encoder: Path = ROOT / "src" / "emogene" / "assets" / ENCODER
    cache: Path = ROOT / ".cache"
    output: Path = EMBEDDED
    report: Path = ROOT / "training" / "emotalk.md"
    folds: int = 5
    judged_folds: int = 5
    """How many of the folds to train and judge; fewer is quicker, and the figures are of fewer actors."""
    epochs: int = 60
    content_epochs: int = 50
    batch: int = 32
    rate: float = 2e-3
    units: float = 0.3
    """Weight of the AUs against the emotion."""
    neutral_share: float = 0.06
    """Of a batch: other people's speech that is not acted, taken as neutral."""
    no_speech_share: float = 0.05
    """Of a batch: noise, music and silence, taken as neutral."""
    seed: int = 0


@dataclass(frozen=True)
class Corpus:
    """All that the listener learns from: every take in several ways, other people's neutral speech, and what
    is no speech."""

    takes: Takes
    copies: list[Clips]
    neutral: list[Clips]
    noises: list[np.ndarray]


def main(config: Config) -> None:
    torch.set_num_threads(1)
    started = time.time()
    acted = sorted((config.data / "ravdess").glob("*.opus"))
    copies = load_clips(acted, config.encoder, config.cache, "ravdess")
    grid = load_clips(
        sorted((config.data / "grid_s1" / "audio").glob("*.opus")), config.encoder, config.cache, "grid", 2
    )
    others = [*sorted((config.data / "facegood").glob("*.opus")), *sorted(config.voices.glob("*.npy"))]
    neutral = [*grid, *load_clips(others, config.encoder, config.cache, "others", 2)]
    takes = load_takes(copies[0].names, config.data / "ravdess" / "action_units.csv")
    corpus = Corpus(takes, copies, neutral, no_speech(config.encoder, 100, config.seed))

    content, correlation = train_content(grid, spoken_shapes(config.data, grid[0]), config)
    listener = train_listener(corpus, np.arange(len(acted)), config, "all")
    said, judged = cross_validate(corpus, config)
    true = takes.only(judged)
    calibration = Calibration(
        temperature=temperature(said, true),
        normal=normal_share(takes),
        direct=direct_share(said, takes, judged),
    )

    heard = tuple(int(actor) for actor in np.unique(takes.actor))
    net = EmotionNet(EmotionConfig(listener.config, content.config, calibration, heard))
    net.listener, net.content = listener, content
    net.action_units = torch.from_numpy(unit_means(takes))
    save_network(net, config.output, FORMAT, {"licence": LICENCE, "sources": SOURCES})
    config.report.write_text(report(said, takes, judged, calibration, correlation, config))
    size, minutes = config.output.stat().st_size / 1e6, (time.time() - started) / 60
    print(f"{config.output}: {size:.2f} MB in {minutes:.0f} min")


# The listener


def cross_validate(corpus: Corpus, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """What is said of whole clips, ``[M, 26]``, each by a listener new to the actor, and the clips' numbers
    ``[M]``."""
    order = np.random.default_rng(config.seed).permutation(np.unique(corpus.takes.actor))
    said: list[np.ndarray] = []
    judged: list[int] = []
    for fold in range(config.judged_folds):
        unheard = np.isin(corpus.takes.actor, order[fold :: config.folds])
        listener = train_listener(corpus, np.flatnonzero(~unheard), config, f"fold{fold}").eval()
        rows = np.flatnonzero(unheard).tolist()
        heard = np.stack([of_clip(listener, corpus.copies[0], i) for i in rows])
        hit = heard[:, :STRONG].argmax(1) == corpus.takes.emotion[rows]
        print(f"fold {fold}: accuracy {hit.mean():.3f}", flush=True)
        said.extend(heard)
        judged.extend(rows)
    return np.array(said), np.array(judged)


def of_clip(listener: Listener, clips: Clips, i: int) -> np.ndarray:
    """What the listener says of a whole clip: the mean over time, weighted by the strength of the voice."""
    columns = clips[i]
    (heard,) = NetworkStage(listener, REACH, STRIDE)(0, columns[:, :-N_PROSODY], columns[:, -N_PROSODY:])
    weight = clips.strength(i)[::STRIDE] + 1e-3
    return (heard * (weight / weight.sum())[:, None]).sum(0)


def train_listener(corpus: Corpus, chosen: np.ndarray, config: Config, name: str) -> Listener:
    """A listener that has heard the ``chosen`` takes; each member starts and hears them differently."""
    listener = Listener()
    for i in range(len(listener.members)):
        listener.members[i] = train_member(corpus, chosen, config, f"listener_{name}_{i}", config.seed + i)
    return listener


def train_member(corpus: Corpus, chosen: np.ndarray, config: Config, name: str, seed: int) -> Member:
    """One network of a listener."""
    torch.manual_seed(seed)
    network = Member(ListenerConfig())
    steps = len(chosen) // config.batch
    spread = torch.from_numpy(np.nanstd(corpus.takes.units, axis=0)).float()

    def epoch(number: int) -> list[tuple[Tensor, ...]]:
        rng = np.random.default_rng([seed, number])
        order = rng.permutation(chosen)[: steps * config.batch].reshape(steps, config.batch)
        return [listener_batch(corpus, rows, config, rng) for rows in order]

    def loss(columns: Tensor, emotion: Tensor, strong: Tensor, units: Tensor) -> Tensor:
        heard = network(columns)[:, columns.shape[1] // STRIDE // 2]
        feeling = F.cross_entropy(heard[:, :STRONG], emotion, label_smoothing=0.1)
        felt = emotion > 0  # neutral takes have no intensity
        strength = F.binary_cross_entropy_with_logits(heard[felt, STRONG], strong[felt])
        known = ~units.isnan()
        error = ((heard[:, STRONG + 1 :] - units) / spread)[known]
        return feeling + 0.3 * strength + config.units * error.square().mean()

    return fit(network, epoch, loss, config.epochs, steps, config, name)


def listener_batch(corpus: Corpus, rows: np.ndarray, config: Config, rng: np.random.Generator):
    """``[B, 200, 515]`` windows of four seconds with speech in the middle, emotions, intensities and AUs."""
    columns, emotion, strong, units = [], [], [], []
    rest = np.zeros(len(ACTION_UNITS))
    for row in rows:
        kind = rng.random()
        if kind < config.no_speech_share:
            x, label, intensity, face = corpus.noises[rng.integers(len(corpus.noises))], 0, 0, rest
        elif kind < config.no_speech_share + config.neutral_share:
            clips = corpus.neutral[int(rng.integers(len(corpus.neutral)))]
            x, label, intensity, face = clips[int(rng.integers(len(clips)))], 0, 0, rest
        else:
            x = corpus.copies[int(rng.integers(len(corpus.copies)))][row]
            label, intensity = corpus.takes.emotion[row], corpus.takes.strong[row]
            face = corpus.takes.units[row]
        x = vary(x, rng) if rng.random() < 0.9 else x
        columns.append(window(x, middle_of_speech(x, rng), 200))
        emotion.append(label)
        strong.append(intensity)
        units.append(face)
    return (
        torch.from_numpy(np.stack(columns)),
        torch.tensor(np.array(emotion), dtype=torch.long),
        torch.tensor(np.array(strong), dtype=torch.float32),
        torch.tensor(np.array(units), dtype=torch.float32),
    )


def middle_of_speech(columns: np.ndarray, rng: np.random.Generator) -> int:
    """A frame between the quarter and three quarters of what is loud."""
    loud = np.flatnonzero(columns[:, -1] > 1.25)
    return int(rng.choice(loud[len(loud) // 4 : len(loud) * 3 // 4 + 1])) if len(loud) else len(columns) // 2


def temperature(logits: np.ndarray, takes: Takes) -> float:
    """The temperature under which the unheard actors' emotions are likeliest."""
    scores = torch.from_numpy(logits[:, :STRONG])
    emotion = torch.from_numpy(takes.emotion)
    grid = np.geomspace(0.4, 3, 60)
    return float(grid[np.argmin([float(F.cross_entropy(scores / t, emotion)) for t in grid])])


# The content network


def train_content(copies: list[Clips], shapes: np.ndarray, config: Config) -> tuple[Content, float]:
    """The network, trained without every tenth clip, and the correlation of its jawOpen on those."""
    clean = copies[0]
    held = np.arange(len(clean)) % 10 == 9
    chosen = np.flatnonzero(~held)
    weight = torch.from_numpy(1 / (shapes.std(0) + 0.02))
    torch.manual_seed(config.seed)
    network = Content()
    nn.init.constant_(network.leave.bias, -3.5)  # type: ignore[arg-type]
    steps = len(chosen) // config.batch
    noises = no_speech(config.encoder, 100, config.seed + 1)

    def epoch(number: int) -> list[tuple[Tensor, ...]]:
        rng = np.random.default_rng([config.seed, number])
        order = rng.permutation(chosen)[: steps * config.batch].reshape(steps, config.batch)
        return [content_batch(copies, shapes, noises, rows, rng) for rows in order]

    def loss(columns: Tensor, target: Tensor) -> Tensor:
        error = (network(columns) - target) * weight
        return (error**2).mean()

    network = fit(network, epoch, loss, config.content_epochs, steps, config, "content").eval()
    jaw, correlations = SPOKEN.index("jawOpen"), []
    for i in np.flatnonzero(held).tolist():
        features, prosody = clean[i][:, :-N_PROSODY], clean[i][:, -N_PROSODY:]
        said = NetworkStage(network, CONTENT_REACH)(0, features, prosody)[0][:, jaw]
        true = shapes[clean.offset[i] : clean.offset[i + 1], jaw]
        correlations.append(np.corrcoef(said, true)[0, 1])
    return network, float(np.mean(correlations))


def content_batch(copies: list[Clips], shapes: np.ndarray, noises: list[np.ndarray], rows: np.ndarray, rng):
    """``[B, 144, 515]`` windows and their shapes ``[B, 144, 27]``; now and then no speech, no motion."""
    length = 144
    columns, targets = [], []
    for row in rows:
        if rng.random() < 0.1:
            x = noises[rng.integers(len(noises))]
            y = np.zeros((len(x), len(SPOKEN)), np.float32)
        else:
            clips = copies[int(rng.integers(len(copies)))]
            x, y = clips[row], shapes[clips.offset[row] : clips.offset[row + 1]]
        x = vary(x, rng, tempo=False) if rng.random() < 0.8 else x
        start = rng.integers(0, max(len(x) - length, 0) + 1)
        x, y = x[start : start + length], y[start : start + length]
        columns.append(np.pad(x.astype(np.float32), ((0, length - len(x)), (0, 0))))
        targets.append(np.pad(y, ((0, length - len(y)), (0, 0))))
    return torch.from_numpy(np.stack(columns)), torch.from_numpy(np.stack(targets))


# The action units


def unit_means(takes: Takes) -> np.ndarray:
    """``[2, 8, 17]`` float32: mean AUs above neutral of each emotion, normal and strong takes."""
    table = np.zeros((2, len(HEARD), len(ACTION_UNITS)), np.float32)
    for strong in (0, 1):
        for emotion in range(1, len(HEARD)):
            rows = (takes.emotion == emotion) & (takes.strong == strong)
            table[strong, emotion] = takes.units[rows].mean(0)
    return table


def explained(takes: Takes) -> np.ndarray:
    """The share ``[17]`` of each AU's variance over clips that the emotion explains."""
    means = np.stack([takes.units[takes.emotion == e].mean(0) for e in range(len(HEARD))])
    return 1 - ((takes.units - means[takes.emotion]) ** 2).mean(0) / takes.units.var(0)


def normal_share(takes: Takes) -> float:
    """How strong an expression is in takes of normal intensity, as a share of the strong ones."""
    normal, strong = unit_means(takes)
    return float(np.clip((normal * strong).sum() / (strong * strong).sum(), 0, 1))


# Training, for both networks

Network = TypeVar("Network", bound=nn.Module)


def fit(
    network: Network,
    epoch: Callable[[int], list[tuple[Tensor, ...]]],
    loss: Callable[..., Tensor],
    epochs: int,
    steps: int,
    config: Config,
    name: str,
) -> Network:
    """AdamW, one cycle of the learning rate, a running average of the weights; resumes."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, total_steps=epochs * steps, pct_start=0.15
    )
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    parts = {"network": network, "optimiser": optimiser, "schedule": schedule, "average": average}
    checkpoint = config.cache / f"emotalk_{name}.pt"
    first = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        first = kept["epoch"]
        for key, part in parts.items():
            part.load_state_dict(kept[key])
    for number in range(first, epochs):
        network.train()
        total = 0.0
        for batch in epoch(number):
            value = loss(*batch)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            average.update_parameters(network)
            total += value.item()
        print(f"{name} {number + 1}/{epochs}: loss {total / steps:.4f}", flush=True)
        record(f"emotalk_{name}", number + 1, {"loss": total / steps})
        kept = {key: part.state_dict() for key, part in parts.items()} | {"epoch": number + 1}
        torch.save(kept, checkpoint.with_suffix(".partial"))
        checkpoint.with_suffix(".partial").rename(checkpoint)
    network.load_state_dict(average.module.state_dict())
    return network


# The report


def report(
    logits: np.ndarray,
    takes: Takes,
    judged: np.ndarray,
    calibration: Calibration,
    jaw: float,
    config: Config,
) -> str:
    """The figures, as Markdown."""
    heard = logits[:, :STRONG] / calibration.temperature
    probabilities = np.exp(heard - heard.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    true = takes.only(judged)
    guess = probabilities.argmax(1)
    confusion = np.zeros((len(HEARD), len(HEARD)), int)
    np.add.at(confusion, (true.emotion, guess), 1)
    strong = 1 / (1 + np.exp(-logits[:, STRONG]))
    felt = true.emotion > 0
    hit = ((strong > 0.5) == true.strong)[felt].mean()
    likelihood = -np.log(probabilities[np.arange(len(guess)), true.emotion]).mean()
    rows = "\n".join(
        f"| {n} | " + " | ".join(map(str, line)) + " |" for n, line in zip(HEARD, confusion, strict=True)
    )
    scores = unit_scores(logits, takes, judged, calibration)
    units = "\n".join(f"| mean {unit} of the clip, R2 | {scores[unit]:.3f} |" for unit in SHOWN_UNITS)
    shares = ", ".join(f"{u} {share:.2f}" for u, share in zip(ACTION_UNITS, explained(takes), strict=True))
    return f"""# The emotion branch: what was reached

Made by `python training/emotalk.py`: {config.epochs} epochs for the listener, {config.content_epochs} for the
content network. Figures of {config.judged_folds} of {config.folds} folds by actor ({len(judged)} clips of
{len(np.unique(true.actor))} actors): every clip is judged by a listener that never heard its actor.
The shipped listener has heard all {len(np.unique(takes.actor))} actors.

| figure | unheard actors |
|---|---|
| emotion, 8 classes, accuracy | {(guess == true.emotion).mean():.3f} |
| negative log-likelihood, nats (temperature {calibration.temperature:.2f}) | {likelihood:.3f} |
| normal or strong intensity, accuracy | {hit:.3f} |
{units}
| jawOpen correlation, GRID speaker 1, every tenth clip held out | {jaw:.3f} |

Confusion (rows: acted, columns: heard)

| | {" | ".join(HEARD)} |
|---|{"---|" * len(HEARD)}
{rows}

Share of each AU's variance that the emotion explains:
{shares}. Normal takes show {calibration.normal:.2f} of the strong takes' expression.
"""


def unit_scores(
    said: np.ndarray, takes: Takes, judged: np.ndarray, calibration: Calibration
) -> dict[str, float]:
    """R2 of the AU means; the table of the emotions' AUs, too, is without the actor who is judged."""
    expected = calibration.direct * said[:, STRONG + 1 :]
    expected += (1 - calibration.direct) * by_emotion(said, takes, judged, calibration)
    true = takes.units[judged]
    scores = 1 - ((true - expected) ** 2).mean(0) / true.var(0)
    return dict(zip(ACTION_UNITS, scores.tolist(), strict=True))


def by_emotion(said: np.ndarray, takes: Takes, judged: np.ndarray, calibration: Calibration) -> np.ndarray:
    """``[M, 17]``: the AUs that other actors show in the emotions that were heard."""
    heard = said[:, :STRONG] / calibration.temperature
    probabilities = np.exp(heard - heard.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    strong = 1 / (1 + np.exp(-said[:, STRONG, None]))
    expected = np.zeros((len(judged), len(ACTION_UNITS)))
    for actor in np.unique(takes.actor[judged]):
        normal, full = unit_means(takes.only(np.flatnonzero(takes.actor != actor)))
        rows = takes.actor[judged] == actor
        share = strong[rows]
        expected[rows] = (1 - share) * (probabilities[rows] @ normal) + share * (probabilities[rows] @ full)
    return expected


def direct_share(said: np.ndarray, takes: Takes, judged: np.ndarray) -> float:
    """The weight of the AUs heard as such that explains most of the shown units."""
    shares = np.linspace(0, 1, 21)
    calibration = Calibration(temperature=temperature(said, takes.only(judged)))
    scores = [unit_scores(said, takes, judged, replace(calibration, direct=float(s))) for s in shares]
    return float(shares[np.argmax([sum(score[unit] for unit in SHOWN_UNITS) for score in scores])])


if __name__ == "__main__":
    main(tyro.cli(Config))
