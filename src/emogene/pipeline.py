"""The whole way: a recording in, a performance out. The stages in order and nothing else."""

import os
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np
import torch

from emogene.audio import SpeechEncoder, SpeechStream
from emogene.audio.sound import Sound
from emogene.audio2motion import LipModel, lip_model
from emogene.avatar import AnyAvatar, Avatar
from emogene.clock import SAMPLE_RATE, VIDEO_FPS
from emogene.device import choose_device, choose_dtype, choose_threads
from emogene.emotalk import EmoTalk, Emotion, EmotionModel, Timeline, parse
from emogene.face.mean import asset_path as face_file
from emogene.mixture import MixtureModel, mixture_named
from emogene.options import Rate, checked_fps, checked_seed, checked_size, checked_track
from emogene.performance import Performance
from emogene.performance.body import body_of
from emogene.performance.director import Director
from emogene.progress import Progress, silent
from emogene.result import Config, Rendering, Result
from emogene.video.background import Background, read_background
from emogene.weights.avatars import avatar_file

FIRST, BLOCK = 10 * SAMPLE_RATE, 20 * SAMPLE_RATE
"""Samples of a recording that are heard at a time: first as many as the first frames need, then more."""

AnySound = str | PathLike[str] | np.ndarray | Iterable[np.ndarray]


class EmoGene:
    """The pipeline with its models loaded; call it with a recording. ``encoder`` is None where neither model
    wants its features."""

    def __init__(
        self,
        lips: LipModel,
        emotion: EmotionModel,
        encoder: SpeechEncoder | None,
        rendering: Rendering | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self.lips, self.emotion, self.encoder = lips, emotion, encoder
        self.rendering, self.options = rendering or Rendering(), options or {}

    @classmethod
    def from_pretrained(
        cls,
        device: str = "auto",
        threads: int | None = None,
        emotalk: str | PathLike[str] | None = None,
        audio2motion: str | PathLike[str] | None = None,
        hubert: str | PathLike[str] | None = None,
        precision: str | None = None,
        level: int = 1,
        person: int = 0,
        lips: str = "embedded",
    ) -> Self:
        """The models on ``device`` (auto, cpu or cuda), rendering with ``threads`` CPU threads (by default as
        many as this process may use). PyTorch's own threads, which the networks use, stay as they are.

        The models are the embedded ones (``lips`` names one of :data:`emogene.audio2motion.LIP_MODELS`), or
        official checkpoints where paths are given (docs/official.md); the encoder ``hubert`` goes with
        ``audio2motion``, ``level`` (0 or 1) and ``person`` (0 to 23) with ``emotalk``. ``precision``, of the
        renderer and the official EmoTalk, is fp32 or bf16: by default fp32 for official networks, for ours
        what the processor is best at.
        """
        device, dtype = choose_device(device), choose_dtype(precision)
        rendering = Rendering(device, choose_threads(threads), precision)
        given: LipModel | None = None
        emotion: EmotionModel | None = None
        if audio2motion is not None:
            from emogene.reference.lips import ReferenceLips

            given = ReferenceLips.open(Path(audio2motion), None if hubert is None else Path(hubert), device)
        if emotalk is not None:
            from emogene.reference.emotion import Manner, ReferenceEmotion

            precise = dtype or torch.float32
            emotion = ReferenceEmotion.open(Path(emotalk), device, precise, Manner(level, person))
        encoder = None if given and emotion else SpeechEncoder.from_embedded(device)
        return cls(
            lips=given or lip_model(lips, device),
            emotion=emotion or EmoTalk.from_embedded(device),
            encoder=encoder,
            rendering=rendering,
            options={
                "emotalk": emotalk,
                "emotalk_level": None if emotalk is None else level,
                "emotalk_person": None if emotalk is None else person,
                "audio2motion": audio2motion,
                "hubert": hubert,
            },
        )

    def __call__(
        self,
        audio: AnySound,
        rate: int | None = None,
        *,
        avatar: str | PathLike[str] | AnyAvatar = "default",
        emotion: str | PathLike[str] | Emotion | Timeline = "auto",
        intensity: float = 1.0,
        mixture: str = "default",
        seed: int = 0,
        size: int = 512,
        fps: Rate = VIDEO_FPS,
        background: Background = None,
        pose: str | None = None,
        track: int | None = None,
        progress: Progress = silent,
    ) -> Result:
        """What ``avatar`` (a name, a file or an avatar) does while it says ``audio``; renders nothing yet.

        ``audio``: a file with sound, of which ``track`` may choose a sound track; an array of samples ``[n]``
        or ``[n, channels]`` at ``rate`` Hz; or such arrays as they come. ``emotion``: "auto" (heard in the
        voice), a label, a blend or a timeline's file, as :func:`emogene.emotalk.parse` reads it;
        ``intensity`` scales it (1 = as learnt, 0 to 2). ``mixture``: ours or the reference system's
        (:func:`mixture_named`). ``size``: the video's side in pixels, even; ``fps`` its frames a second.
        ``background``: a colour or an image. ``pose``: how the head moves: as in the avatar's video and with
        the voice, or "static", "nearest", "FIRST-LAST" of its frames. Raises EmoGeneError, one line, for
        whatever the caller can put right.
        """
        result = self.stream(
            audio,
            rate,
            avatar=avatar,
            emotion=emotion,
            intensity=intensity,
            mixture=mixture,
            seed=seed,
            size=size,
            fps=fps,
            background=background,
            pose=pose,
            track=track,
            progress=progress,
        )
        result.perform()
        return result

    def stream(
        self,
        audio: AnySound,
        rate: int | None = None,
        *,
        avatar: str | PathLike[str] | AnyAvatar = "default",
        emotion: str | PathLike[str] | Emotion | Timeline = "auto",
        intensity: float = 1.0,
        mixture: str = "default",
        seed: int = 0,
        size: int = 512,
        fps: Rate = VIDEO_FPS,
        background: Background = None,
        pose: str | None = None,
        track: int | None = None,
        progress: Progress = silent,
    ) -> Result:
        """As a call, but nothing is heard yet: what the result is asked for is computed as the sound is read,
        in constant memory. Iterating over the result gives the performance in stretches as they are known.
        """
        wanted, mixer = parse(emotion, intensity), mixture_named(mixture)
        person = Avatar.open(os.fspath(avatar)) if isinstance(avatar, str | PathLike) else avatar
        config = Config(
            audio=_name(audio),
            avatar=person.name,
            emotion=str(emotion),
            intensity=float(intensity),
            mixture=mixture,
            seed=checked_seed(seed),
            size=checked_size(size),
            fps=str(checked_fps(fps)),
            background=background,
            pose=pose,
            track=checked_track(track),
        )
        _check(config, person)
        self.emotion.stream(wanted)  # an emotion that it cannot be asked for
        sound = Sound.open(audio, rate, track)
        return Result(
            config=config,
            sound=sound,
            avatar=person,
            rendering=self.rendering,
            models=self.options,
            weights=[
                *self._weights(),
                *([avatar_file(avatar)] if isinstance(avatar, str | PathLike) else []),
            ],
            _stream=lambda: self._perform(sound, person, wanted, mixer, config, progress),
        )

    def _weights(self) -> list[Path]:
        """The files of every model; one that was made otherwise has none."""
        models = self.lips, self.emotion, self.encoder
        return [face_file(), *(path for model in models for path in getattr(model, "weights", ()))]

    def _perform(
        self,
        sound: Sound,
        avatar: AnyAvatar,
        wanted: Emotion | Timeline,
        mixer: MixtureModel,
        config: Config,
        progress: Progress,
    ) -> Iterator[Performance]:
        """The stages, over pieces of the sound."""
        listening = SpeechStream(self.encoder, sound)
        lips = self.lips.stream(avatar.space, seed=config.seed)
        emotion = self.emotion.stream(wanted, seed=config.seed)
        mixing = mixer.stream(avatar.rig, avatar.space)
        fps = Fraction(config.fps)
        director = Director(fps, body_of(avatar, fps, config.seed, config.pose))
        frames = 0
        for samples, end in _pieces(sound):
            speech = listening.push(samples, end=end)
            spoken = lips.push(speech)
            felt = emotion.push(speech)
            mixed = mixing.push(spoken, felt, speech)
            performance = director.push(mixed, felt, speech)
            if performance is not None:
                frames += len(performance)
                progress("motion", frames, frames)
                yield performance


def _pieces(sound: Sound) -> Iterator[tuple[np.ndarray | None, Fraction | None]]:
    """The speech in blocks, of a live sound as it comes; last, nothing and the duration."""
    waiting, count, wanted = [], 0, FIRST
    for piece in sound.speech():
        waiting.append(piece)
        count += len(piece)
        if count >= wanted or sound.live:
            yield np.concatenate(waiting), None
            waiting, count, wanted = [], 0, BLOCK
    yield (np.concatenate(waiting) if waiting else None), sound.duration


def _name(audio: AnySound) -> str:
    return Path(audio).name if isinstance(audio, str | PathLike) else "sound"


def _check(config: Config, avatar: AnyAvatar) -> None:
    """What can be known to be wrong before anything is heard."""
    body_of(avatar, Fraction(config.fps), config.seed, config.pose)
    if config.background is not None:
        read_background(config.background, config.size, avatar.background)
