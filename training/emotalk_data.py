"""What the emotion branch learns from: RAVDESS, GRID and sounds that are no speech; and their variations."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emogene.audio import SAMPLE_RATE, analyse, load_audio
from emogene.emotalk.content import SPOKEN
from emogene.emotalk.dynamics import vigour
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.features import N_MEL, features
from emogene.emotalk.features import silence as silent_columns
from emogene.face.arkit import INDEX
from emogene.face.motion import VIDEO_FPS, resample
from grid import load_tracks

_PITCH, _VOICED = N_MEL, N_MEL + 1


@dataclass(frozen=True)
class Clips:
    """Recordings one after the other: ``columns [N, 83]`` features at 50 Hz, ``vigour [N]``, ``offset``."""

    names: list[str]
    columns: np.ndarray
    vigour: np.ndarray
    offset: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.columns[self.offset[i] : self.offset[i + 1]]

    def strength(self, i: int) -> np.ndarray:
        """How strong the voice is at each frame of clip i, 0..1."""
        return self.vigour[self.offset[i] : self.offset[i + 1]]


def load_clips(folder: Path, cache: Path) -> Clips:
    """Features of all .opus files of a folder, kept in ``cache``."""
    stored = cache / f"emotalk_{folder.parent.name}_{folder.name}.npz"
    if not stored.exists():
        names = sorted(path.stem for path in folder.glob("*.opus"))
        spoken = [analyse(load_audio(folder / f"{name}.opus")) for name in names]
        partial = stored.with_suffix(".partial.npz")
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(
            partial,
            names=names,
            columns=np.concatenate([features(s) for s in spoken]).astype(np.float16),
            vigour=np.concatenate([vigour(s) for s in spoken]),
            offset=np.cumsum([0, *(len(s) for s in spoken)]),
        )
        partial.rename(stored)
    with np.load(stored) as a:
        return Clips(list(a["names"]), a["columns"].astype(np.float32), a["vigour"], a["offset"])


@dataclass(frozen=True)
class Takes:
    """RAVDESS by clip: ``emotion`` 0..7 in the order of HEARD, ``strong`` 0 or 1, ``actor``;
    ``units [N, 17]``: mean AUs of the video of the same take above the mean of the actor's neutral takes
    (NaN where there is no video)."""

    emotion: np.ndarray
    strong: np.ndarray
    actor: np.ndarray
    units: np.ndarray

    def only(self, rows: np.ndarray) -> "Takes":
        """The takes with these numbers."""
        return Takes(self.emotion[rows], self.strong[rows], self.actor[rows], self.units[rows])


def load_takes(names: Sequence[str], table: Path) -> Takes:
    """Labels from the file names (03-01-EE-II-SS-RR-AA) and AUs from ``action_units.csv``."""
    numbers = np.array([[int(part) for part in name.split("-")] for name in names])
    emotion, strong, actor = numbers[:, 2] - 1, numbers[:, 3] - 1, numbers[:, 6]
    measured: dict[str, list[float]] = {}
    if table.exists():
        with table.open() as file:
            for row in csv.DictReader(file, delimiter=";"):
                measured[row["name"]] = [float(row[f"{unit}_r"]) for unit in ACTION_UNITS]
    nothing = [float("nan")] * len(ACTION_UNITS)
    units = np.array([measured.get("01" + name[2:], nothing) for name in names])
    for person in np.unique(actor):
        neutral = units[(actor == person) & (emotion == 0)]
        units[actor == person] -= np.nanmean(neutral, axis=0) if len(neutral) else np.nan
    return Takes(emotion, strong, actor, units)


def spoken_shapes(data: Path, clips: Clips) -> np.ndarray:
    """``[N, 27]`` at the clips' 50 Hz: MediaPipe's scores of the mouth shapes of GRID speaker 1.

    Above the score of the same clip's quiet frames (a resting mouth is no expression), and the same on both
    sides (this speaker's mouth is not).
    """
    tracks = load_tracks(data)
    scores = tracks.blendshapes[:, [INDEX[name] for name in SPOKEN]]
    twin = [SPOKEN.index(_other_side(name)) for name in SPOKEN]
    scores = (scores + scores[:, twin]) / 2
    targets = []
    for i, name in enumerate(clips.names):
        target = resample(scores[tracks.rows(name)], VIDEO_FPS, VIDEO_FPS * 2, len(clips[i]))
        quiet = clips.strength(i) < 0.15
        rest = np.median(target[quiet], axis=0) if quiet.sum() > 5 else np.quantile(target, 0.1, axis=0)
        targets.append(np.clip(target - rest, 0, 1))
    return np.concatenate(targets).astype(np.float32)


def _other_side(name: str) -> str:
    for one, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one):
            return name.removesuffix(one) + other
    return name


def vary(columns: np.ndarray, rng: np.random.Generator, tempo: bool = True) -> np.ndarray:
    """Another voice, room and microphone: ``[T, 83]`` features changed at random.

    Formants and pitch shift, spectral tilt, background noise, bands and moments masked (SpecAugment), and
    the tempo unless the features must stay in step with targets.
    """
    x = columns.copy()
    if tempo:
        x = _stretch(x, rng.uniform(0.85, 1.15))
    shift, scale = rng.uniform(-4, 4), rng.uniform(0.94, 1.06)
    band = np.clip(np.arange(N_MEL) * scale + shift, 0, N_MEL - 1)
    low = band.astype(int)
    share = (band - low).astype(np.float32)
    mel = x[:, low] * (1 - share) + x[:, np.minimum(low + 1, N_MEL - 1)] * share
    tilt = np.interp(np.arange(N_MEL), np.linspace(0, N_MEL - 1, 5), rng.normal(0, 0.2, 5))
    mel = mel + tilt.astype(np.float32)
    if rng.random() < 0.5:
        floor = -rng.uniform(0.6, 2.3) + _curve(rng)
        noise = floor + rng.normal(0, 0.12, mel.shape)
        mel = np.logaddexp(mel * 4, noise * 4) / 4
    for _ in range(2):
        width, start = rng.integers(0, 12), rng.integers(0, N_MEL - 12)
        mel[:, start : start + width] = mel.mean()
        width = rng.integers(0, 1 + min(20, len(x) // 8))
        start = rng.integers(0, len(x) - width)
        mel[start : start + width] = -1
    x[:, :N_MEL] = np.clip(mel, -2.5, 1.5)
    x[:, _PITCH] -= x[:, _VOICED] * shift * 0.04 * rng.uniform(0.5, 1.5)
    return x


def _curve(rng: np.random.Generator) -> np.ndarray:
    return np.interp(np.arange(N_MEL), np.linspace(0, N_MEL - 1, 4), rng.normal(0, 0.25, 4))


def _stretch(x: np.ndarray, rate: float) -> np.ndarray:
    position = np.minimum(np.arange(int(len(x) / rate)) * rate, len(x) - 1)
    left = position.astype(int)
    share = (position - left)[:, None].astype(np.float32)
    y = x[left] * (1 - share) + x[np.minimum(left + 1, len(x) - 1)] * share
    y[:, _PITCH : _VOICED + 1] = x[np.rint(position).astype(int), _PITCH : _VOICED + 1]
    return y


def window(columns: np.ndarray, centre: int, length: int) -> np.ndarray:
    """``[length, 83]`` around a frame; silence beyond the ends."""
    start = centre - length // 2
    x = silent_columns(length)
    inside = columns[max(start, 0) : max(start + length, 0)]
    x[max(-start, 0) : max(-start, 0) + len(inside)] = inside
    return x


def no_speech(count: int, seed: int = 0) -> list[np.ndarray]:
    """Features of sounds that must leave the face neutral: silence, noise, hum, chords, drums; 4 s each."""
    rng = np.random.default_rng(seed)
    makers: list[Callable[[np.random.Generator, np.ndarray], np.ndarray]] = [
        lambda r, t: np.zeros_like(t),
        _noise,
        _hum,
        _music,
        _drums,
        lambda r, t: _music(r, t) + 0.5 * _drums(r, t),
    ]
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    sounds = []
    for i in range(count):
        sound = makers[i % len(makers)](rng, time) * 10 ** rng.uniform(-2.5, -0.5)
        sounds.append(features(analyse((sound + rng.normal(0, 1e-4, len(time))).astype(np.float32))))
    return sounds


def _noise(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(rng.normal(size=len(time)))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** rng.uniform(0, 1)
    sound = np.fft.irfft(spectrum, len(time))
    slow = np.interp(time, np.linspace(0, 4, 9), rng.uniform(0.3, 1, 9))
    return sound / np.abs(sound).max() * slow


def _hum(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    base = rng.uniform(45, 400)
    return sum(np.sin(2 * np.pi * base * k * time) / k for k in range(1, 6)) / 3 + 0.02 * _noise(rng, time)


def _music(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    beat = rng.uniform(0.25, 0.8)
    sound = np.zeros_like(time)
    for start in np.arange(0, 4, beat):
        root = 110 * 2 ** (rng.integers(0, 24) / 12)
        since = time - start
        fade = np.where(since > 0, np.exp(-since * rng.uniform(1, 6)), 0)
        for step in rng.choice([0, 3, 4, 7, 10, 12, 16], 3, replace=False):
            pitch = root * 2 ** (step / 12)
            sound += fade * sum(np.sin(2 * np.pi * pitch * k * since) / k**1.5 for k in range(1, 8))
    return sound / np.abs(sound).max()


def _drums(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    beat = rng.uniform(0.15, 0.5)
    return _noise(rng, time) * np.exp(-(time % beat) * rng.uniform(8, 40))
