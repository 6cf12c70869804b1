"""What the speech encoder hears of many sounds, also disguised: the inputs of the branches' trainings."""

from collections.abc import Iterator, Sequence

import numpy as np
import parselmouth
import torch
from scipy.signal import resample_poly

from emogene.audio import analyse
from emogene.audio.encoder import EncoderNet
from emogene.audio.level import Gain
from emogene.audio.loudness import HOP
from emogene.audio.mel import log_mel_rows
from emogene.clock import SAMPLE_RATE
from speech_encoder import disguise

JOINED = 1500  # frames that are heard at a time: 30 s
PAUSE = 0.5  # seconds at most between two sounds


def apart(net: EncoderNet, sounds: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Features ``[ceil(n/320), 512]`` float16 of every sound ``[n]``, each in silence."""
    for sound in sounds:
        frames = -(-len(sound) // HOP)
        yield _hear(net, levelled(sound), frames, None)


def disguised(net: EncoderNet, sounds: Sequence[np.ndarray], seed: int) -> Iterator[np.ndarray]:
    """The same in another place, each for itself."""
    for i, sound in enumerate(sounds):
        rng = np.random.default_rng([seed, i])
        yield _hear(net, levelled(sound), -(-len(sound) // HOP), rng)


def noisy(net: EncoderNet, sounds: Sequence[np.ndarray], seed: int) -> Iterator[np.ndarray]:
    """The same in noise, each for itself; a quarter on a telephone line too."""
    for i, sound in enumerate(sounds):
        rng = np.random.default_rng([seed, i])
        heard = in_noise(sound, rng)
        if rng.random() < 0.25:
            heard = resample_poly(resample_poly(heard, 1, 2), 2, 1)[: len(sound)]
        yield _hear(net, levelled(heard.astype(np.float32)), -(-len(sound) // HOP), None)


def in_noise(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``sound [n]`` in coloured noise 5 to 25 dB below."""
    spectrum = np.fft.rfft(rng.normal(size=len(sound)))
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) / 80) ** rng.uniform(0, 0.8)
    noise = np.fft.irfft(spectrum, len(sound))
    level = sound.std() * 10 ** -rng.uniform(0.25, 1.25) / noise.std()
    return (sound + level * noise).astype(np.float32)


def joined(net: EncoderNet, sounds: Sequence[np.ndarray], seed: int, noise: bool = False) -> list[np.ndarray]:
    """The same in disguise, or in ``noise`` that does not cease, and in the flow of other sounds, in random
    order, with short pauses."""
    rng = np.random.default_rng(seed)
    found: list[np.ndarray] = [np.zeros((0, 0))] * len(sounds)
    batch: list[tuple[int, int, np.ndarray]] = []
    position = 0
    for i in rng.permutation(len(sounds)):
        batch.append((i, position, levelled(sounds[i])))
        position += -(-len(sounds[i]) // HOP) + int(rng.uniform(0, PAUSE) * 50)
        if position > JOINED:
            _separate(net, batch, position, rng, found, noise)
            batch, position = [], 0
    if batch:
        _separate(net, batch, position, rng, found, noise)
    return found


def levelled(sound: np.ndarray) -> np.ndarray:
    """At the level at which the encoder hears a recording."""
    speech = analyse(sound)
    assert speech.loudness is not None and speech.f0 is not None
    (gain,) = Gain()(0, speech.loudness, speech.f0)
    at = np.arange(len(sound)) / HOP
    return (sound * np.interp(at, np.arange(len(gain)), gain)).astype(np.float32)


def _separate(
    net: EncoderNet, batch: list, frames: int, rng: np.random.Generator, found: list, noise: bool
) -> None:
    samples = np.zeros(frames * HOP, np.float32)
    for _, start, sound in batch:
        samples[start * HOP :][: len(sound)] += sound[: len(samples) - start * HOP]
    features = _hear(net, in_noise(samples, rng) if noise else samples, frames, None if noise else rng)
    for i, start, sound in batch:
        found[i] = features[start : start + -(-len(sound) // HOP)].copy()


@torch.inference_mode()
def _hear(net: EncoderNet, samples: np.ndarray, frames: int, rng: np.random.Generator | None) -> np.ndarray:
    back, ahead = net.config.reach
    mel = torch.from_numpy(log_mel_rows(samples, -back, frames + ahead))[None]
    if rng is not None:
        mel = disguise(mel, rng)
    with torch.autocast("cpu", torch.bfloat16):
        return net(mel)[0].half().numpy()


def another_voice(
    samples: np.ndarray, formants: float, pitch: float = 0, liveliness: float = 1, highest: float = 400
) -> np.ndarray:
    """The same words (Praat's "Change gender") with formants times ``formants``, a median pitch in Hz (0: as
    it is) and its range times ``liveliness``; the given voice is below ``highest`` Hz."""
    sound = parselmouth.Sound(samples.astype(np.float64), SAMPLE_RATE)
    changed = parselmouth.praat.call(sound, "Change gender", 75, highest, formants, pitch, liveliness, 1)
    return np.resize(changed.values[0].astype(np.float32), len(samples))
