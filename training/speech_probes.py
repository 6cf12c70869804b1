"""What linear probes can read from the speech encoder's features, against log-mel and the teacher.

    python training/speech_probes.py [--teacher whisper-base.bin] [--data ../shared/data] [--limit 1200]

Lips: ridge regression from five frames of features to the mouth openness of GRID speaker 1, learnt on 200
clips, judged on 40 held-out ones, also played slower and faster (other pitch, formants and tempo) and in
noise. Emotion: linear classifier on mean and standard deviation of each RAVDESS clip, judged on unseen
actors (six folds by actor). RAVDESS has no part in the encoder's training.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly
from torch.nn import functional as F

import heard
from emogene.audio import analyse, load_audio
from emogene.audio.encoder import SpeechEncoder
from emogene.audio.loudness import HOP
from emogene.audio.mel import log_mel_rows
from emogene.clock import SAMPLE_RATE, VIDEO_FPS
from emogene.face.landmarks import mouth_openness
from grid import DATA, Tracks, load_tracks
from speech_windows import SAMPLES, held_out
from whisper import DEPTH, Whisper

Ear = Callable[[np.ndarray], np.ndarray]  # samples -> [T50, D]

CONTEXT = (-6, -2, 0, 2, 6)  # frames of 20 ms
LAG = 0.04  # seconds by which GRID's mouths are late
CHANGES = {"as recorded": (20, None), "0.85x": (17, None), "1.2x": (24, None), "noise 10 dB": (20, 10)}
FOLDS, EMOTIONS = 6, 8


def ears(teacher: Path | None) -> dict[str, Ear]:
    """Log-mel, the encoder, and the last layer of the teacher (10 s at most)."""
    encoder = SpeechEncoder.from_embedded()

    def features(samples: np.ndarray) -> np.ndarray:
        features = analyse(samples, encoder).features
        assert features is not None
        return features.astype(np.float32)

    found: dict[str, Ear] = {"log-mel": _log_mel, "encoder": features}
    if teacher:
        whisper = Whisper(teacher, (DEPTH,))

        def hear(samples: np.ndarray) -> np.ndarray:
            window = torch.zeros(1, SAMPLES)
            window[0, : len(samples)] = torch.from_numpy(samples[:SAMPLES])
            return whisper(window)[0][0, : -(-len(samples) // HOP)].numpy()

        found["teacher"] = hear
    return found


def _log_mel(samples: np.ndarray) -> np.ndarray:
    """``[T50, 80]`` at the level at which the encoder hears."""
    return log_mel_rows(heard.levelled(samples), 0, -(-len(samples) // HOP))[2:-1:2]


def lips(data: Path, ear: Ear) -> dict[str, float]:
    """Mean correlation over held-out clips for every one of CHANGES."""
    tracks = load_tracks(data)
    names = sorted(str(name) for name in tracks.clip)
    apart = held_out(names)
    learnt = [name for name in names if name not in apart][::4][:200]
    x, y = zip(*(_clip(data, tracks, name, ear, 20, None) for name in learnt), strict=True)
    mean, spread = np.concatenate(x).mean(0), np.concatenate(x).std(0) + 1e-3
    weights = _ridge((np.concatenate(x) - mean) / spread, np.concatenate([v - v.mean() for v in y]))
    figures = {}
    for change, how in CHANGES.items():
        scores = []
        for name in sorted(apart & set(names))[:40]:
            inputs, true = _clip(data, tracks, name, ear, *how)
            scores.append(np.corrcoef((inputs - mean) / spread @ weights, true)[0, 1])
        figures[change] = round(float(np.mean(scores)), 3)
    return figures


def _clip(
    data: Path, tracks: Tracks, name: str, ear: Ear, speed: int, noise: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """``[frames, 5 D]`` and the openness ``[frames]`` of a clip played at ``speed`` twentieths."""
    samples = load_audio(next((data / "grid_s1" / "audio").glob(f"{name}.*"))).samples
    if speed != 20:
        samples = resample_poly(samples, 20, speed).astype(np.float32)
    if noise is not None:
        hiss = np.random.default_rng(0).normal(0, samples.std() * 10 ** (-noise / 20), len(samples))
        samples = samples + hiss.astype(np.float32)
    features, true = ear(samples), mouth_openness(tracks.points[tracks.rows(name)])
    moments = (np.arange(len(true)) / float(VIDEO_FPS) - LAG) * 20 / speed * SAMPLE_RATE / HOP
    rows = np.rint(moments[:, None] + np.array(CONTEXT) * 20 / speed).astype(int)
    return features[rows.clip(0, len(features) - 1)].reshape(len(true), -1), true


def _ridge(x: np.ndarray, y: np.ndarray, strength: float = 0.02) -> np.ndarray:
    gram = x.T @ x + strength * len(x) * np.eye(x.shape[1])
    return np.linalg.solve(gram, x.T @ y)


def emotion(data: Path, ears: dict[str, Ear], limit: int) -> dict[str, float]:
    """Accuracy of eight emotions on unseen actors."""
    files = sorted((data / "ravdess").glob("*.opus"))
    files = [files[i] for i in np.linspace(0, len(files) - 1, min(limit, len(files))).astype(int)]
    labels = np.array([[int(part) for part in path.stem.split("-")] for path in files])
    pooled: dict[str, list[np.ndarray]] = {name: [] for name in ears}
    for path in files:
        samples = load_audio(path).samples
        for name, ear in ears.items():
            features = ear(samples)
            pooled[name].append(np.concatenate([features.mean(0), features.std(0)]))
    actor = np.unique(labels[:, 6], return_inverse=True)[1]
    return {name: _accuracy(np.array(x), labels[:, 2] - 1, actor % FOLDS) for name, x in pooled.items()}


def _accuracy(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> float:
    hits = []
    for i in range(FOLDS):
        away = fold == i
        mean, spread = x[~away].mean(0), x[~away].std(0) + 1e-5
        inputs = torch.from_numpy((x - mean) / spread).float()
        weights = _classifier(inputs[~away], torch.from_numpy(y[~away]))
        guess = F.pad(inputs[away], (0, 1), value=1.0) @ weights
        hits += (guess.argmax(1).numpy() == y[away]).tolist()
    return round(float(np.mean(hits)), 3)


def _classifier(x: torch.Tensor, y: torch.Tensor, strength: float = 3e-3) -> torch.Tensor:
    """``[D + 1, 8]`` logistic regression by L-BFGS."""
    x = F.pad(x, (0, 1), value=1.0)
    weights = torch.zeros(x.shape[1], EMOTIONS, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(x @ weights, y) + strength * weights.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return weights.detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--limit", type=int, default=1200, help="RAVDESS clips")
    args = parser.parse_args()
    hearing = ears(args.teacher)
    figures = {"lips": {name: lips(args.data, ear) for name, ear in hearing.items()}}
    print(json.dumps(figures, indent=1), flush=True)
    print(json.dumps({"emotion": emotion(args.data, hearing, args.limit)}, indent=1))


if __name__ == "__main__":
    main()
