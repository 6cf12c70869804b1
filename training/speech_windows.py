"""What the speech encoder learns from: windows of 10 s as the student and as the teacher hear them.

Each window is filled with clips of one source at random speeds (pitch, formants and tempo move together),
so that few people sound like many. Kept in ``.cache/speech_encoder/``; a killed preparation goes on where
it was.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly

from emogene.audio import load_audio
from emogene.audio.mel import BANDS, log_mel_rows
from emogene.clock import SAMPLE_RATE
from whisper import WIDTH, Whisper

FRAMES = 500
LAYERS = (3, 6)
SAMPLES = FRAMES * SAMPLE_RATE // 50
SPEEDS = (15, 17, 18, 20, 20, 20, 22, 24, 27)  # twentieths
PASSES = {"grid_s1": 2, "facegood": 3, "kokoro": 4, "plain": 2}  # how often each clip is heard
NOISES = 40


@dataclass(frozen=True)
class Windows:
    """``mel [N, 1003, 80]`` scaled log-mel at 100 Hz and ``target [N, 500, 512 len(LAYERS)]``, float16
    memory maps; ``source [N]`` names. Only the first ``len(source)`` windows are there yet."""

    mel: np.ndarray
    target: np.ndarray
    source: list[str]


def held_out(names: list[str]) -> set[str]:
    """Every tenth GRID clip by sorted name, as the lip branch has it, and one Mandarin recording."""
    return {*sorted(names)[::10], "1114_3_16"}


def sources(data: Path, voices: Path) -> dict[str, list[Path]]:
    """The clips to learn from."""
    grid = sorted((data / "grid_s1" / "audio").iterdir())
    apart = held_out([path.stem for path in grid])
    return {
        "grid_s1": [path for path in grid if path.stem not in apart],
        "facegood": [p for p in sorted((data / "facegood").glob("*.opus")) if p.stem not in apart],
        "kokoro": sorted(voices.glob("kokoro*.npy")),
        "plain": sorted(voices.glob("plain*.npy")),
    }


def prepare(data: Path, voices: Path, teacher: Path, cache: Path, count: int, seed: int) -> Windows:
    """Compute what is missing of the first ``count`` windows; about 0.3 s of one core each."""
    cache.mkdir(parents=True, exist_ok=True)
    record = cache / "windows.json"
    done: list[str] = json.loads(record.read_text()) if record.exists() else []
    if len(done) >= count:
        return load(cache)
    plan = planned(sources(data, voices), seed)
    whisper = Whisper(teacher, LAYERS)
    mel = _array(cache / "mel.npy", (len(plan), 2 * FRAMES + 3, BANDS))
    target = _array(cache / "target.npy", (len(plan), FRAMES, WIDTH * len(LAYERS)))
    for i in range(len(done), min(count, len(plan))):
        heard = sound(plan, i, seed)
        mel[i] = log_mel_rows(heard, 0, FRAMES)
        layers = whisper(torch.from_numpy(heard)[None])
        target[i] = torch.cat(layers, -1)[0].clamp(-6e4, 6e4).half().numpy()
        done.append(plan[i][0])
        if i % 20 == 19:
            record.write_text(json.dumps(done))
    record.write_text(json.dumps(done))
    return load(cache)


def sound(plan: list[tuple[str, list[tuple[Path, int, float]]]], i: int, seed: int) -> np.ndarray:
    """``[160000]`` samples of window ``i``."""
    clips = plan[i][1]
    return fill(clips, np.random.default_rng([seed, i])) if clips else noise(seed + i)


def load(cache: Path) -> Windows:
    """What has been prepared."""
    done = json.loads((cache / "windows.json").read_text())
    mel, target = (np.load(cache / f"{name}.npy", mmap_mode="r")[: len(done)] for name in ("mel", "target"))
    return Windows(mel, target, done)


def _array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    mode = "r+" if path.exists() else "w+"
    array = np.lib.format.open_memmap(
        path, mode=mode, dtype=np.float16, shape=None if mode == "r+" else shape
    )
    if array.shape != shape:
        raise ValueError(f"{path}: made from other clips; delete the folder")
    return array


def planned(clips: dict[str, list[Path]], seed: int) -> list[tuple[str, list[tuple[Path, int, float]]]]:
    """(source, its clips as (path, speed, start in seconds)) of every window, in random order."""
    rng = np.random.default_rng(seed)
    plan: list[tuple[str, list[tuple[Path, int, float]]]] = [("noise", [])] * NOISES
    for source, paths in clips.items():
        for _ in range(PASSES[source]):
            plan += [(source, window) for window in _packed(paths, rng)]
    return [plan[i] for i in rng.permutation(len(plan))]


def _packed(paths: list[Path], rng: np.random.Generator) -> Iterator[list[tuple[Path, int, float]]]:
    """Clips in random order until they make 9.5 s; long ones in pieces of a whole window."""
    window, length = [], 0.0
    for i in rng.permutation(len(paths)):
        speed = int(rng.choice(SPEEDS))
        seconds = _seconds(paths[i]) * 20 / speed
        if seconds > 9.5:
            for start in np.arange(rng.uniform(0, 3), seconds - 10, 10):
                yield [(paths[i], speed, float(start))]
        elif length + seconds > 9.5 and window:
            yield window
            window, length = [(paths[i], speed, 0.0)], seconds
        else:
            window.append((paths[i], speed, 0.0))
            length += seconds
    if window:
        yield window


def _seconds(path: Path) -> float:
    return len(read(path)) / SAMPLE_RATE


def read(path: Path) -> np.ndarray:
    """``[n]`` float32 at 16 kHz."""
    if path.suffix == ".npy":
        return np.load(path).astype(np.float32) / 32768
    return load_audio(path).samples


def fill(clips: list[tuple[Path, int, float]], rng: np.random.Generator) -> np.ndarray:
    """``[160000]``: the clips one after the other, about equally loud, silence between and around them."""
    sounds = []
    for path, speed, start in clips:
        sound = resample_poly(read(path), 20, speed) if speed != 20 else read(path)
        sound = sound[int(start * SAMPLE_RATE) :][:SAMPLES]
        sounds.append(sound * (0.06 / max(np.sqrt(np.square(sound).mean()), 1e-3)))
    room = max(0, SAMPLES - sum(len(sound) for sound in sounds))
    gaps = rng.dirichlet(np.ones(len(sounds) + 1)) * room
    window, position = np.zeros(SAMPLES, np.float32), 0
    for gap, sound in zip(gaps, sounds, strict=False):
        position += int(gap)
        window[position : position + len(sound)] = sound[: SAMPLES - position]
        position += len(sound)
    return window


def noise(seed: int) -> np.ndarray:
    """``[160000]``: silence, white or coloured noise, or chords: what is not speech."""
    rng = np.random.default_rng(seed)
    kind, level = rng.integers(4), 10 ** rng.uniform(-3.5, -0.8)
    if kind == 0:
        return rng.normal(0, 1e-5, SAMPLES).astype(np.float32)
    if kind == 3:
        return (level * chords(rng, SAMPLES)).astype(np.float32)
    spectrum = np.fft.rfft(rng.normal(size=SAMPLES))
    spectrum /= np.maximum(np.arange(len(spectrum)), 50) ** rng.uniform(0, 1.2)
    sound = np.fft.irfft(spectrum, SAMPLES)
    return (level * sound / sound.std()).astype(np.float32)


def chords(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Decaying harmonic tones, three at a time, 0.3 to 1 s each."""
    sound, position = np.zeros(samples), 0
    while position < samples:
        length = min(int(rng.uniform(0.3, 1.0) * SAMPLE_RATE), samples - position)
        t = np.arange(length) / SAMPLE_RATE
        for pitch in 110 * 2 ** (rng.integers(0, 36, 3) / 12):
            for harmonic in range(1, 6):
                sound[position : position + length] += (
                    np.sin(2 * np.pi * pitch * harmonic * t) / harmonic**1.5
                )
        sound[position : position + length] *= np.exp(-t * rng.uniform(0.5, 4))
        position += length
    return sound / sound.std()
