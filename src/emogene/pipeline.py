"""The whole way: a recording in, a talking head out. The four stages in order and nothing else."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from emogene.audio import SPEECH_FPS, Recording, Sound, analyse
from emogene.audio.encoder import SpeechEncoder
from emogene.audio2motion import Audio2Motion
from emogene.avatar import AnyAvatar, Avatar
from emogene.clock import VIDEO_FPS, frame_count, resample
from emogene.device import choose_device, choose_dtype
from emogene.emotalk import LABELS, EmoTalk, parse
from emogene.errors import EmoGeneError
from emogene.face.landmarks import Landmarks
from emogene.face.rig import Rig
from emogene.mixture import Mixture
from emogene.output import published, replacing
from emogene.reference.condition import pose_frames
from emogene.reference.stages import Manner, ReferenceEmotion, ReferenceLips
from emogene.track import Track
from emogene.video.background import Background, read_background
from emogene.video.writer import VideoWriter

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

STAGES = ("listening", "lip-synced landmarks", "emotion-aware landmarks", "mixture")
SIZES = range(64, 2049)
SEEDS = 2**63


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Config:
    """What was asked for; written into every video's metadata."""

    audio: str
    avatar: str
    emotion: str
    intensity: float
    mixture: str
    seed: int
    size: int
    background: Background
    pose: str | None = None


@dataclass(frozen=True)
class Result:
    """One recording's motion on one avatar. All landmark tracks share one canonical space and 25 fps.

    ``sound``: the recording; ``mixed``: lips and emotion, what EmoGene shows; ``lips``: GeneFace++
    alone; ``emotion``: EmoTalk's face alone; ``blendshapes``: EmoTalk's 52 ARKit coefficients at the video's
    frames; ``heard``: the probability of each emotion in the voice; ``shown``: how strongly the face shows
    each (the official EmoTalk tells neither); ``loudness [T]``: the voice in dB of full scale, -80 silence.
    """

    config: Config
    sound: Sound
    avatar: AnyAvatar
    mixed: Landmarks
    lips: Landmarks
    emotion: Landmarks
    blendshapes: Track
    heard: Track | None
    shown: Track | None
    loudness: np.ndarray
    device: str = "cpu"
    threads: int | None = None
    precision: str | None = None

    def __len__(self) -> int:
        return len(self.mixed)

    def frames(self, motion: Landmarks | None = None) -> Iterator[np.ndarray]:
        """Rendered frames ``[size, size, 3]`` uint8 sRGB, one by one, of ``mixed`` or another ``motion``."""
        renderer = self.avatar.renderer(
            *(self.config.size, self.config.background, self.device, self.threads, self.config.pose),
            precision=self.precision,
        )
        shown = self.mixed if motion is None else motion
        return renderer.frames(shown, seed=self.config.seed, loudness=self.loudness)

    def save(self, path: str | Path, compare: str | Path | None = None, progress: Progress = _silent) -> None:
        """Write the video with the recording's own sound to ``path`` (mp4), and the four panels to
        ``compare``.

        Frames are rendered once, streamed, and shared by both files. Raises EmoGeneError where the system
        refuses.
        """
        size = self.config.size
        with ExitStack() as files:
            video = files.enter_context(self._writer(path, size, size))
            panels = four = None
            if compare is not None:
                from emogene.video.compare import FourPanels

                panels = FourPanels(self.avatar.space, size)
                four = files.enter_context(self._writer(compare, panels.width, panels.height))
            alone = self.frames(self.lips) if panels else None
            for t, face in enumerate(self.frames()):
                video.write(face)
                if panels and four and alone:
                    points = (self.mixed.points[t], self.lips.points[t])
                    four.write(panels.draw(t, (face, next(alone)), points))
                progress("rendering", t + 1, len(self))

    def save_landmarks(self, path: str | Path) -> None:
        """Write an npz: fps, emotalk, geneface, mixed ``[T,68,3]``, blendshapes ``[T,52]``, their names.

        With the embedded EmoTalk also emotion_probs ``[T,8]`` (heard) and emotion_amounts ``[T,9]`` (shown),
        float32, with emotion_names and emotion_amount_names; the official one tells neither.
        """
        emotions = {}
        if self.heard and self.shown:
            emotions |= {"emotion_probs": self.heard.values, "emotion_names": np.array(self.heard.names)}
            emotions |= {"emotion_amounts": self.shown.values}
            emotions |= {"emotion_amount_names": np.array(self.shown.names)}
        with replacing(path) as part, open(part, "wb") as file:
            np.savez(
                file,
                fps=np.float64(self.mixed.fps),
                emotalk=self.emotion.points,
                geneface=self.lips.points,
                mixed=self.mixed.points,
                blendshapes=self.blendshapes.values,
                blendshape_names=np.array(self.blendshapes.names),
                **emotions,
            )

    def save_curves(self, path: str | Path) -> None:
        """Draw the emotions heard and shown, the voice and a few blendshapes over time; a PNG."""
        from emogene.video.curves import draw_curves

        picture = draw_curves(self.heard, self.shown, self.blendshapes, self.loudness, self.config.audio)
        with replacing(path) as part:
            picture.save(part, "PNG", optimize=True)

    def _writer(self, path: str | Path, width: int, height: int):
        tags = {"title": self.config.audio, "description": json.dumps(published(asdict(self.config)))}
        return VideoWriter.open(path, width, height, sound=self.sound, tags=tags, threads=self.threads or 1)


class EmoGene:
    """The pipeline with its models loaded; call it with a recording."""

    def __init__(
        self,
        audio2motion: Audio2Motion | ReferenceLips,
        emotalk: EmoTalk | ReferenceEmotion,
        rig: Rig,
        device: str = "cpu",
        threads: int | None = None,
        precision: str | None = None,
    ):
        self.audio2motion, self.emotalk, self.rig = audio2motion, emotalk, rig
        self.device, self.threads, self.precision = device, threads, precision

    @classmethod
    def from_pretrained(
        cls,
        device: str = "auto",
        threads: int | None = None,
        emotalk: str | Path | None = None,
        audio2motion: str | Path | None = None,
        hubert: str | Path | None = None,
        precision: str | None = None,
        level: int = 1,
        person: int = 0,
    ) -> Self:
        """The models on ``device`` (auto, cpu or cuda), with ``threads`` CPU threads (all by default).

        They are the embedded ones, or official checkpoints where paths are given (docs/official.md); the
        encoder ``hubert`` goes with ``audio2motion``, ``level`` (0 or 1) and ``person`` (0 to 23) with
        ``emotalk``. ``precision``, of the renderer and the official EmoTalk, is fp32 or bf16: by default fp32
        for official networks, for ours what the processor is best at. The number of threads is PyTorch's, so
        it holds for the whole process.
        """
        device, dtype, manner = choose_device(device), choose_dtype(precision), Manner(level, person)
        if threads is not None:
            if threads < 1:
                raise EmoGeneError(f"threads must be at least 1, not {threads}")
            torch.set_num_threads(threads)
        lips = emotion = encoder = None
        if audio2motion is None or emotalk is None:
            encoder = SpeechEncoder.from_embedded(device)
        if audio2motion is not None:
            lips = ReferenceLips.open(Path(audio2motion), None if hubert is None else Path(hubert), device)
        if emotalk is not None:
            emotion = ReferenceEmotion.open(Path(emotalk), device, dtype or torch.float32, manner)
        return cls(
            lips or Audio2Motion.from_embedded(device, encoder),
            emotion or EmoTalk.from_embedded(device, encoder),
            *(Rig.embedded(), device, threads, precision),
        )

    def __call__(
        self,
        audio: str | Path,
        avatar: str | Path = "default",
        emotion: str = "auto",
        intensity: float = 1.0,
        mixture: str = "default",
        seed: int = 0,
        size: int = 512,
        background: Background = None,
        pose: str | None = None,
        progress: Progress = _silent,
    ) -> Result:
        """The motion of ``avatar`` (a name or a file) that says ``audio`` (any file with sound); renders
        nothing yet.

        ``emotion``: "auto" (heard in the voice), a label, a blend or a timeline's file, as
        :func:`emogene.emotalk.parse` reads it; ``intensity`` scales it (1 = as learnt, 0 to 2). ``mixture``
        is ours or the reference system's (:meth:`Mixture.named`); ``size`` the video's side in pixels, even;
        ``background`` a colour or an image; ``pose`` how the head moves: as in the avatar's video and with
        the voice, or "static", "nearest", "FIRST-LAST" of its frames. Raises EmoGeneError, one line, for
        whatever the caller can put right.
        """
        wanted, mixer, person = parse(emotion, intensity), Mixture.named(mixture), Avatar.open(avatar)
        if isinstance(self.emotalk, ReferenceEmotion):
            self.emotalk.check(wanted)
        config = Config(
            *(Path(audio).name, person.name, emotion, intensity, mixture, seed, size, background, pose)
        )
        check_size(size)
        if not 0 <= seed < SEEDS:
            raise EmoGeneError(f"seed must be a number from 0 to {SEEDS - 1}, not {seed}")
        if pose is not None:
            pose_frames(pose, 1, len(person.pose))
        if background is not None:
            read_background(background, size, person.background)

        progress(STAGES[0], 0, len(STAGES))
        sound = Sound.open(audio)
        recording = Recording.of(sound)
        speech = analyse(recording)
        frames = frame_count(recording.duration, VIDEO_FPS)
        loudness = resample(speech.loudness, SPEECH_FPS, VIDEO_FPS, frames)
        space = person.space
        del recording  # speech has what is still needed; an hour's samples are 230 MB

        progress(STAGES[1], 1, len(STAGES))
        lips = self.audio2motion.speak(speech, frames, space, seed=seed)

        progress(STAGES[2], 2, len(STAGES))
        felt = self.emotalk(speech, wanted, seed=seed)
        del speech
        emotional = mixer.emotion_landmarks(felt.blendshapes, self.rig, space, frames)
        words = None
        if felt.content is not None:
            words = mixer.emotion_landmarks(felt.content, self.rig, space, frames)

        progress(STAGES[3], 3, len(STAGES))
        mixed = mixer(lips, emotional, space, words)
        progress(STAGES[3], 4, len(STAGES))
        return Result(
            config=config,
            sound=sound,
            avatar=person,
            mixed=mixed,
            lips=mixer.alone(lips, space),
            emotion=emotional,
            blendshapes=felt.blendshapes.resample(VIDEO_FPS, frames),
            heard=_over_time(felt.probabilities, felt.labels, frames, "probability"),
            shown=_over_time(felt.amounts, LABELS if felt.labels else (), frames),
            loudness=loudness,
            device=self.device,
            threads=self.threads,
            precision=self.precision,
        )


def _over_time(values: np.ndarray, names: tuple[str, ...], frames: int, unit: str = "share") -> Track | None:
    """At the video's frames; None where a model names no emotions."""
    return Track(values, names, SPEECH_FPS, unit).resample(VIDEO_FPS, frames) if names else None


def check_size(size: int) -> None:
    if size not in SIZES or size % 2:
        raise EmoGeneError(f"size must be an even number from {SIZES.start} to {SIZES.stop - 1}, not {size}")
