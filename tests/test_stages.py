"""Every stage of the project, on real speech: pieces of any size give the numbers of the whole, and what is
held meanwhile does not grow."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch

import emogene
from emogene.audio import SpeechEncoder, analyse, load_audio
from emogene.audio.encoder import EncoderConfig, EncoderNet
from emogene.audio.level import Gain
from emogene.audio.loudness import Loudness
from emogene.audio.mel import MelSpectrum
from emogene.audio.pitch import Pitch
from emogene.audio.voiced import Voiced
from emogene.audio2motion import Audio2Motion
from emogene.audio2motion.lips import LipStage
from emogene.avatar import Avatar
from emogene.clock import SAMPLE_RATE, SPEECH_FPS, VIDEO_FPS
from emogene.emotalk import EmoTalk, content, listener, parse
from emogene.emotalk.features import VoiceProsody
from emogene.emotalk.model import Expression
from emogene.emotalk.stage import NetworkStage
from emogene.face.rig import Rig
from emogene.mixture.mixture import FiveSteps, Mixture
from emogene.performance.rhythm import Rhythm
from emogene.reference.mixture import (
    EMOTALK_FPS,
    DropEverySixth,
    ReferenceMixture,
    ReferenceSteps,
    SmoothedGains,
)
from emogene.stream import Resample, Stage, Stream, run

SOURCE = Path(emogene.__file__).parent
LISTENER_FPS = SPEECH_FPS / listener.STRIDE
SMALL = EncoderConfig(width=16, heads=2, hidden=32, layers=2, back=9, ahead=3)
EXACT = 2e-5  # float32, summed in another order
WEIGHTS, DECIMETRES = 1e-4, 1e-5  # what comes out of networks in float32; a micrometre


@dataclass(frozen=True)
class Case:
    """A stage with what it takes; ``tolerance`` is absolute, in the unit of the outputs."""

    stage: Callable[[], Stage]
    inputs: Callable[[], tuple[np.ndarray, ...]]
    tolerance: float = EXACT


@cache
def emotalk() -> EmoTalk:
    return EmoTalk.from_embedded()


@cache
def lips() -> Audio2Motion:
    return Audio2Motion.from_embedded()


@cache
def encoder() -> SpeechEncoder:
    return SpeechEncoder.from_embedded()


@cache
def small_encoder() -> SpeechEncoder:
    """Not packed, so in float32 wherever the test runs."""
    torch.manual_seed(0)
    return SpeechEncoder(EncoderNet(SMALL))


@cache
def voice() -> dict[str, np.ndarray]:
    """What the stages make of the bundled recording, whole."""
    recording = load_audio(SOURCE / "assets" / "demo.ogg")
    end, samples = recording.duration, recording.samples
    speech = analyse(recording, encoder())
    assert speech.f0 is not None and speech.loudness is not None and speech.features is not None
    found = {"samples": samples, "f0": speech.f0, "loudness": speech.loudness, "features": speech.features}
    (found["power"],) = run(MelSpectrum(), samples, duration=end)
    (found["gain"],) = run(Gain(), speech.loudness, speech.f0, duration=end)
    found["prosody"], found["vigour"] = run(VoiceProsody(), speech.f0, speech.loudness, duration=end)
    (sparse,) = run(listening(), speech.features, found["prosody"], duration=end)
    (found["logits"],) = run(Resample(LISTENER_FPS, SPEECH_FPS), sparse, duration=end)
    (found["spoken"],) = run(speaking(), speech.features, found["prosody"], duration=end)
    found["sparse"] = sparse
    found["words"], found["emotion"], _, _ = run(
        Expression(emotalk(), parse("happy"), 0),
        *(found["logits"], found["vigour"], found["spoken"]),
        duration=end,
    )
    both = np.stack([found["emotion"], found["words"]], axis=1)
    (found["shapes"],) = run(Resample(SPEECH_FPS, VIDEO_FPS), both, duration=end)
    (found["shapes_30"],) = run(Resample(SPEECH_FPS, EMOTALK_FPS), both.sum(1), duration=end)
    found["added"] = found["shapes"].sum(1)
    found["felt"] = avatar().space.neutral + Rig.embedded().displacement(found["added"])
    (heard,) = run(Voiced(), speech.f0, duration=end)
    (found["voiced"],) = run(Resample(SPEECH_FPS, VIDEO_FPS), heard, duration=end)
    found["faces"] = lips()(speech, avatar().space.neutral).points
    found["told"] = np.ones(len(found["faces"]), bool)
    return found


@cache
def avatar() -> Avatar:
    found = Avatar.open("grid-s1")
    assert isinstance(found, Avatar)
    return found


def listening() -> NetworkStage:
    return NetworkStage(emotalk().net.listener, listener.REACH, listener.STRIDE)


def speaking() -> NetworkStage:
    return NetworkStage(emotalk().net.content, content.REACH)


def of_voice(*names: str) -> Callable[[], tuple[np.ndarray, ...]]:
    return lambda: tuple(voice()[name] for name in names)


CASES = {
    "Loudness": Case(Loudness, of_voice("samples")),
    "MelSpectrum": Case(MelSpectrum, of_voice("samples")),
    "Pitch": Case(Pitch, of_voice("samples"), 0.1),  # Hz
    "Gain": Case(Gain, of_voice("loudness", "f0")),
    "SpeechEncoder": Case(encoder, of_voice("power", "gain"), 2e-2),  # bfloat16 on some processors
    "SpeechEncoder, float32": Case(small_encoder, of_voice("power", "gain"), 5e-3),
    "Voiced": Case(Voiced, of_voice("f0")),
    "VoiceProsody": Case(VoiceProsody, of_voice("f0", "loudness")),
    "NetworkStage, listener": Case(listening, of_voice("features", "prosody"), WEIGHTS),
    "NetworkStage, content": Case(speaking, of_voice("features", "prosody"), WEIGHTS),
    "Resample, up": Case(lambda: Resample(LISTENER_FPS, SPEECH_FPS), of_voice("sparse")),
    "Resample, down": Case(lambda: Resample(SPEECH_FPS, EMOTALK_FPS), of_voice("spoken")),
    "Resample, to film": Case(lambda: Resample(VIDEO_FPS, Fraction(24_000, 1001)), of_voice("faces")),
    "Resample, none": Case(lambda: Resample(SPEECH_FPS, SPEECH_FPS), of_voice("spoken")),
    "Expression, heard": Case(
        lambda: Expression(emotalk(), parse("auto"), 3), of_voice("logits", "vigour", "spoken"), WEIGHTS
    ),
    "Expression, asked": Case(
        lambda: Expression(emotalk(), parse("happy"), 3), of_voice("logits", "vigour", "spoken"), WEIGHTS
    ),
    "LipStage": Case(
        lambda: LipStage(lips().net, lips().device, 3, 0.1), of_voice("features", "f0"), DECIMETRES
    ),
    "FiveSteps": Case(
        lambda: FiveSteps(Mixture(), Rig.embedded(), avatar().space),
        of_voice("faces", "shapes", "told", "voiced"),
        DECIMETRES,
    ),
    "SmoothedGains": Case(lambda: SmoothedGains(2.0), of_voice("shapes_30")),
    "DropEverySixth": Case(DropEverySixth, of_voice("shapes_30")),
    "ReferenceSteps": Case(
        lambda: ReferenceSteps(ReferenceMixture(), avatar().space),
        of_voice("faces", "felt", "added"),
        DECIMETRES,
    ),
    "Rhythm": Case(Rhythm, of_voice("loudness", "f0")),
}
SLOW_IN_SMALL_PIECES = {"SpeechEncoder": 2, "ReferenceSteps": 4}
"""Seconds of the recording that are enough for them, as they look less far ahead."""


def excerpt(inputs: tuple[np.ndarray, ...], heard: Fraction, seconds: Fraction) -> tuple[np.ndarray, ...]:
    return tuple(rows[: ceil(seconds * heard)] for rows in inputs)


def seconds_of(stage: Stage, inputs: tuple[np.ndarray, ...]) -> Fraction:
    return Fraction(len(inputs[0])) / stage.heard


def pieces(
    inputs: tuple[np.ndarray, ...], heard: Fraction, seconds: Fraction
) -> Iterable[tuple[np.ndarray, ...]]:
    """Stretches of ``seconds``; every input is 60 ms later than the one before it, as pitch and loudness do
    not become known together."""
    number = 0
    reached = [0] * len(inputs)
    while any(at < len(rows) for at, rows in zip(reached, inputs, strict=True)):
        number += 1
        stops = [max(0, ceil((number * seconds - Fraction(3 * i, 50)) * heard)) for i in range(len(inputs))]
        yield tuple(rows[at:stop] for rows, at, stop in zip(inputs, reached, stops, strict=True))
        reached = [max(at, stop) for at, stop in zip(reached, stops, strict=True)]


def streamed(
    stage: Stage, inputs: tuple[np.ndarray, ...], piece: Fraction, duration: Fraction
) -> tuple[list[np.ndarray], int]:
    """The outputs joined, and how many rows had come out before the end was known."""
    stream, told = Stream(stage), []
    for stretch in pieces(inputs, stage.heard, piece):
        told.append(stream.push(*stretch))
    early = sum(len(rows[0]) for rows in told if rows[0] is not None)
    told.append(stream.push(*[None] * len(inputs), end=duration))
    outputs = zip(*told, strict=True)
    return [np.concatenate([rows for rows in parts if rows is not None]) for parts in outputs], early


@pytest.mark.parametrize("piece", [Fraction(1, 50), Fraction(1)], ids=["20 ms", "1 s"])
@pytest.mark.parametrize("name", CASES)
def test_pieces_give_the_numbers_of_the_whole(name: str, piece: Fraction) -> None:
    case = CASES[name]
    stage, inputs = case.stage(), case.inputs()
    if piece < 1 and name in SLOW_IN_SMALL_PIECES:
        inputs = excerpt(inputs, stage.heard, Fraction(SLOW_IN_SMALL_PIECES[name]))
    # The recording ends within a frame.
    duration = seconds_of(stage, inputs) - Fraction(1, 7) / stage.heard
    whole = run(stage, *inputs, duration=duration)
    found, early = streamed(case.stage(), inputs, piece, duration)
    assert stage.delay is not None
    assert early >= (duration - stage.delay - piece - Fraction(1, 5)) * stage.rate > 0, "it waits for the end"
    assert len(found) == len(whole) == stage.outputs
    assert np.ptp(whole[0].astype(np.float64)) > 10 * case.tolerance, "nothing happens in it"
    for pieced, at_once in zip(found, whole, strict=True):
        assert len(at_once) == ceil(duration * stage.rate)
        assert pieced.dtype == at_once.dtype and pieced.shape == at_once.shape
        np.testing.assert_allclose(
            pieced.astype(np.float64), at_once.astype(np.float64), rtol=5e-6, atol=case.tolerance
        )


@pytest.mark.parametrize("name", [name for name in CASES if name != "SpeechEncoder"])
def test_after_a_minute_no_more_is_held_than_after_ten_seconds(name: str) -> None:
    case = CASES[name]
    stage, inputs = case.stage(), case.inputs()
    stream, most = Stream(stage), []
    for _ in range(6):
        held = 0
        for stretch in pieces(inputs, stage.heard, Fraction(1)):
            stream.push(*stretch)
            held = max(held, *(sum(map(len, rows)) for rows in stream._pieces))
        most.append(held)
    assert stage.look_ahead is not None
    reach = stage.look_back + stage.look_ahead + 2 * stage.step
    assert most[-1] <= most[1] + stage.step and most[-1] <= reach + 2 * stage.heard


def test_no_stage_is_left_out() -> None:
    tried = {type(case.stage()).__name__ for case in CASES.values()}
    there = set()
    for path in SOURCE.rglob("*.py"):
        there |= set(re.findall(r"^class (\w+)\(Stage\)", path.read_text("utf-8"), re.MULTILINE))
    assert there == tried


@pytest.mark.parametrize("samples", [1, 160, 320, 321, 1281, 16_001])
def test_the_shortest_recordings_have_all_their_frames(samples: int) -> None:
    sound = voice()["samples"][SAMPLE_RATE : SAMPLE_RATE + samples]
    duration = Fraction(samples, SAMPLE_RATE)
    for stage in (Loudness(), MelSpectrum(), Pitch()):
        stream = Stream(stage)
        first, last = stream.push(sound)[0], stream.push(None, end=duration)[0]
        found = np.concatenate([rows for rows in (first, last) if rows is not None])
        assert len(found) == ceil(duration * 50)
        np.testing.assert_allclose(found, run(stage, sound, duration=duration)[0], rtol=1e-4, atol=0.1)
