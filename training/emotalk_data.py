"""What the emotion branch learns from: RAVDESS, GRID and sounds that are no speech; and their variations."""

import csv
import inspect
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

import heard
from emogene.audio import analyse
from emogene.audio.encoder import FORMAT
from emogene.clock import SAMPLE_RATE, VIDEO_FPS, resample
from emogene.emotalk.content import SPOKEN
from emogene.emotalk.facs import ACTION_UNITS
from emogene.emotalk.features import VoiceProsody
from emogene.face.arkit import INDEX
from emogene.weights.file import open_network
from grid import load_tracks
from heard import another_voice
from speech_windows import read

_PITCH = 512  # column of the pitch
COPIES = 6  # ways in which each recording is heard; the first is as it is
_TEMPOS = (18, 22)  # twentieths at which copies are played


@dataclass(frozen=True)
class Clips:
    """Recordings one after the other, heard in one way: ``columns [N, 515]`` features and prosody at 50 Hz
    (float16), ``vigour [N]``, ``offset``."""

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


def load_clips(
    paths: Sequence[Path], encoder: Path, cache: Path, name: str, copies: int = COPIES
) -> list[Clips]:
    """The recordings, heard in ``copies`` ways; kept in ``cache``."""
    version = zlib.crc32(encoder.read_bytes(), zlib.crc32(inspect.getsource(hear_copy).encode()))
    return [
        _load_copy(paths, encoder, cache / f"emotalk_{name}_{version:08x}_{k}.npz", k) for k in range(copies)
    ]


def _load_copy(paths: Sequence[Path], encoder: Path, stored: Path, copy: int) -> Clips:
    if not stored.exists():
        columns, strength = hear_copy(paths, encoder, copy)
        np.savez(
            stored.with_suffix(".partial.npz"),
            names=[path.stem for path in paths],
            columns=np.concatenate(columns),
            vigour=np.concatenate(strength),
            offset=np.cumsum([0, *map(len, columns)]),
        )
        stored.with_suffix(".partial.npz").rename(stored)
    with np.load(stored) as a:
        return Clips([str(n) for n in a["names"]], a["columns"], a["vigour"], a["offset"])


def hear_copy(paths: Sequence[Path], encoder: Path, copy: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """``[T, 515]`` and ``[T]`` of every recording: as it is (0), disguised (1, 2), in another voice (3, 4:
    faster and slower, so that pitch and formants move, 5: with other formants at the same pitch)."""
    net = open_network(encoder, FORMAT)[0]
    columns, strength = [], []
    sounds = []
    for i, path in enumerate(paths):
        sound = read(path)[: 16 * SAMPLE_RATE]
        if copy in (3, 4):
            sound = resample_poly(sound, 20, _TEMPOS[copy - 3]).astype(np.float32)
        if copy == 5:
            shift = np.random.default_rng(i).choice([0.88, 0.93, 1.07, 1.14])
            sound = another_voice(sound, shift, highest=600)
        sounds.append(sound)
    features = heard.disguised(net, sounds, copy) if copy else heard.apart(net, sounds)
    for sound, feature in zip(sounds, features, strict=True):
        prosody, vigour = prosody_of(sound)
        columns.append(np.concatenate([feature, prosody.astype(np.float16)], axis=1))
        strength.append(vigour)
    return columns, strength


def prosody_of(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prosody ``[T, 3]`` and vigour ``[T]`` at 50 Hz."""
    speech = analyse(sound)
    assert speech.f0 is not None and speech.loudness is not None
    prosody, vigour = VoiceProsody()(0, speech.f0, speech.loudness)
    return prosody, vigour


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
    """``[T, 515]`` float32, changed at random: noise, a moment masked, another pitch, and another tempo
    unless the features must stay in step with targets."""
    x = columns.astype(np.float32)
    if tempo:
        x = _stretch(x, rng.uniform(0.85, 1.15))
    if rng.random() < 0.5:
        x[:, :_PITCH] += rng.normal(0, 0.3, x[:, :_PITCH].shape).astype(np.float32)
    for _ in range(2):
        width = rng.integers(0, 1 + min(20, len(x) // 8))
        start = rng.integers(0, len(x) - width)
        x[start : start + width, :_PITCH] = 0
    x[:, _PITCH] += x[:, _PITCH + 1] * rng.normal(0, 0.12)
    return x


def _stretch(x: np.ndarray, rate: float) -> np.ndarray:
    position = np.minimum(np.arange(max(int(len(x) / rate), 1)) * rate, len(x) - 1)
    left = position.astype(int)
    share = (position - left)[:, None].astype(np.float32)
    y = x[left] * (1 - share) + x[np.minimum(left + 1, len(x) - 1)] * share
    y[:, _PITCH:] = x[np.rint(position).astype(int), _PITCH:]
    return y


def window(columns: np.ndarray, centre: int, length: int) -> np.ndarray:
    """``[length, 515]`` around a frame; silence beyond the ends."""
    start = centre - length // 2
    x = np.zeros((length, columns.shape[1]), np.float32)
    inside = columns[max(start, 0) : max(start + length, 0)]
    x[max(-start, 0) : max(-start, 0) + len(inside)] = inside
    return x


def no_speech(encoder: Path, count: int, seed: int = 0) -> list[np.ndarray]:
    """``[200, 515]`` of sounds that must leave the face neutral: silence, noise, hum, chords, drums, tones,
    clicks, an offset."""
    rng = np.random.default_rng(seed)
    makers: list[Callable[[np.random.Generator, np.ndarray], np.ndarray]] = [
        lambda r, t: np.zeros_like(t),
        _noise,
        _hum,
        _music,
        _drums,
        lambda r, t: _music(r, t) + 0.5 * _drums(r, t),
        _tone,
        lambda r, t: _tone(r, t) + 0.1 * _noise(r, t),
        _clicks,
        lambda r, t: np.full_like(t, r.choice([-1, 1])),
    ]
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    sounds = []
    for i in range(count):
        sound = makers[i % len(makers)](rng, time) * 10 ** rng.uniform(-2.5, -0.5)
        sounds.append((sound + rng.normal(0, 1e-4, len(time))).astype(np.float32))
    features = heard.apart(open_network(encoder, FORMAT)[0], sounds)
    return [
        np.concatenate([feature, prosody_of(sound)[0]], axis=1)
        for feature, sound in zip(features, sounds, strict=True)
    ]


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


def _tone(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """A whistle or a siren: one frequency, steady or sweeping, now and then interrupted."""
    hz = 2 ** np.interp(time, [0, 4], np.log2(rng.uniform(100, 3000, 2)) if rng.random() < 0.5 else [8, 8])
    hz = hz * 2 ** (rng.uniform(0, 0.5) * np.sin(2 * np.pi * rng.uniform(0.2, 3) * time))
    sound = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE * rng.uniform(0.5, 3))
    return sound * (np.sin(2 * np.pi * rng.uniform(0.3, 3) * time) > rng.uniform(-2, 0.3))


def _clicks(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    sound = np.zeros_like(time)
    sound[rng.integers(0, len(time), rng.integers(2, 60))] = 1
    return np.convolve(sound, np.exp(-np.arange(200) / rng.uniform(1, 60)))[: len(time)]


def _drums(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    beat = rng.uniform(0.15, 0.5)
    return _noise(rng, time) * np.exp(-(time % beat) * rng.uniform(8, 40))
