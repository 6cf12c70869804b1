"""``emogene generate``."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from emogene.errors import EmoGeneError

if TYPE_CHECKING:
    from emogene.emotalk import Emotion, Timeline
    from emogene.progress import Progress
    from emogene.result import Result

# Help of several lines: Tyro would keep the line breaks of a docstring.
EMOTION = (
    "What the face shows: auto (as heard in the voice), neutral, calm, happy, sad, angry, fearful, disgust, "
    "surprised, contempt; a blend like happy=0.6,surprised=0.4; or a timeline, a FILE.tsv (or .csv) with "
    "lines of start, end (seconds), emotion and intensity."
)
POSE = (
    "How the head moves: as in the avatar's video, swaying and nodding with the voice (default); not at all; "
    "or as in the video alone, from its start or over its frames A to B."
)


@dataclass(frozen=True)
class Generate:
    """Turn a recording into a talking head.

    OUT.mp4 is the video, with the recording's own sound. OUT.npz is the motion alone; nothing is rendered.
    """

    audio: Annotated[Positional[str], arg(metavar="AUDIO")]
    """Any file with sound: wav, mp3, m4a, ogg, flac, mp4, webm, ..."""
    output: Annotated[str, arg(name="output", aliases=["-o"], metavar="OUT.mp4|OUT.npz")]
    """Where to write."""
    avatar: Annotated[str, arg(metavar="NAME|FILE")] = "default"
    """Who speaks: a name that `emogene avatars` lists, or an avatar file."""
    emotion: Annotated[str, arg(metavar="auto|LABEL|BLEND|FILE.tsv", help=EMOTION)] = "auto"
    intensity: Annotated[float, arg(metavar="X")] = 1.0
    """How strongly, 0 to 2: 0 is none, 1 as learnt, 2 the most; scales a timeline too."""
    compare: FlagCreatePairsOff[bool] = False
    """Write OUT_compare.mp4 too: EmoGene, GeneFace++ alone, and the landmarks of both."""
    landmarks: Annotated[str | None, arg(metavar="FILE.npz")] = None
    """Write the motion too, as -o OUT.npz does."""
    curves: Annotated[str | None, arg(metavar="FILE.png")] = None
    """Draw the emotions heard and shown, the voice and a few blendshapes over time."""
    mixture: Annotated[str, arg(metavar="default|reference[:6-9]")] = "default"
    """Our mixture, or the reference system's with its own constants, in one of its variants (8)."""
    size: Annotated[int, arg(metavar="PIXELS")] = 512
    """Width and height of the video."""
    fps: Annotated[str, arg(metavar="RATE")] = "25"
    """Frames a second of video and motion: 24, 25, 30, 50, 60, 29.97, 30000/1001, ..."""
    background: Annotated[str | None, arg(metavar="COLOUR|IMAGE")] = None
    """What stands behind the head: white, #1f3a5f, or an image file."""
    pose: Annotated[str | None, arg(metavar="static|nearest|A-B", help=POSE)] = None
    track: Annotated[int | None, arg(metavar="N")] = None
    """Which of AUDIO's sound tracks, from 1; by default the one it marks as default."""
    emotalk: Annotated[str | None, arg(metavar="EmoTalk.pth")] = None
    """The official EmoTalk instead of ours; docs/official.md says where to get these files."""
    emotalk_level: Annotated[int | None, arg(metavar="0|1")] = None
    """How strongly it shows the emotion that it hears (1)."""
    emotalk_person: Annotated[int | None, arg(metavar="0-23")] = None
    """Whose manner it takes, of its 24 actors (0)."""
    audio2motion: Annotated[str | None, arg(metavar="DIR")] = None
    """The official audio-to-motion checkpoint instead of ours, for avatars that `avatar import` made."""
    hubert: Annotated[str | None, arg(metavar="DIR")] = None
    """HuBERT-large, which it needs."""
    seed: int = 0
    """The same seed gives the same motion."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16"] | None = None
    """Of the renderer and the official EmoTalk: fp32 by default for official networks, for ours what the
    processor is best at."""
    threads: Annotated[int | None, arg(metavar="N")] = None
    """CPU threads; by default as many as there are cores for this process."""
    quiet: FlagCreatePairsOff[bool] = False
    """Say nothing but errors."""

    def run(self) -> None:
        from emogene.cli.streams import note, say
        from emogene.weights.avatars import avatar_file
        from emogene.weights.places import moving_hint

        with _shown(self.quiet) as progress:
            with _nothing_to_collect():
                self._check_names()
                wanted = self._check_options()
                progress("loading", 0, 1)
                result = self._result(progress)
                progress("loading", 1, 1)
            if self._motion_alone:
                result.save_motion(*self._motion)
            else:
                result.save(self.output, compare=self._panels, motion=self._motion, progress=progress)
        if not self.quiet:
            for line in filter(None, [moving_hint(avatar_file(self.avatar)), *told(result, wanted)]):
                note(line)
            say(*self._outputs)

    @property
    def _motion_alone(self) -> bool:
        return Path(self.output).suffix.lower() == ".npz"

    @property
    def _panels(self) -> Path | None:
        output = Path(self.output)
        return output.with_name(f"{output.stem}_compare{output.suffix}") if self.compare else None

    @property
    def _level(self) -> int:
        return 1 if self.emotalk_level is None else self.emotalk_level

    @property
    def _person(self) -> int:
        return self.emotalk_person or 0

    @property
    def _motion(self) -> list[str]:
        """The files of the motion, the output among them if it is one."""
        asked = [self.output if self._motion_alone else None, self.landmarks, self.curves]
        return [path for path in asked if path]

    @property
    def _outputs(self) -> list[str | Path]:
        wanted = [self.output, self._panels, self.landmarks, self.curves]
        return [path for path in wanted if path]

    def _check_names(self) -> None:
        """Files: of the right kind, and none written over another."""
        from emogene.output import check_outputs
        from emogene.weights.avatars import avatar_file

        for path, endings, what in (
            (self.output, (".mp4", ".npz"), "the output is an .mp4 (video) or an .npz (motion)"),
            (self.landmarks, (".npz",), "the landmarks are an .npz"),
            (self.curves, (".png",), "the curves are a .png"),
        ):
            if path and Path(path).suffix.lower() not in endings:
                raise EmoGeneError(f"{path}: {what}")
        if self._motion_alone and (self.compare or self.landmarks):
            raise EmoGeneError(f"{self.output}: motion alone; --compare and --landmarks go with an .mp4")
        given = self.audio, self.background, self.emotion, self.emotalk, self.audio2motion, self.hubert
        check_outputs(self._outputs, [avatar_file(self.avatar), *(path for path in given if path)])

    def _check_options(self) -> "Emotion | Timeline":
        """What can be known to be wrong before anything is loaded; the emotion asked for."""
        from emogene.device import choose_threads
        from emogene.emotalk.emotion import parse
        from emogene.mixture import check_mixture
        from emogene.options import checked_fps, checked_seed
        from emogene.performance.track import check_pose

        if not self.emotalk and (self.emotalk_level, self.emotalk_person) != (None, None):
            raise EmoGeneError("--emotalk-level and --emotalk-person go with --emotalk EmoTalk.pth")
        checked_fps(self.fps)
        checked_seed(self.seed)
        choose_threads(self.threads)
        check_mixture(self.mixture)
        check_pose(self.pose)
        wanted = parse(self.emotion, self.intensity)
        self._check_inputs()
        if self.emotalk:
            from emogene.reference.emotion import Manner, heard

            heard(wanted)
            Manner(self._level, self._person)
        return wanted

    def _check_inputs(self) -> None:
        """That the files to be read are what they should be."""
        from emogene.audio.sound import Sound
        from emogene.options import checked_size, checked_track
        from emogene.video.background import check_background
        from emogene.weights.avatars import avatar_file
        from emogene.weights.header import metadata

        size = checked_size(self.size)
        metadata(avatar_file(self.avatar), "an avatar file")
        if self.background:
            check_background(self.background, size)
        Sound.open(self.audio, track=checked_track(self.track))

    def _result(self, progress: "Progress") -> "Result":
        from emogene.pipeline import EmoGene

        pipeline = EmoGene.from_pretrained(
            device=self.device,
            threads=self.threads,
            emotalk=self.emotalk,
            audio2motion=self.audio2motion,
            hubert=self.hubert,
            precision=self.precision,
            level=self._level,
            person=self._person,
        )
        return pipeline.stream(
            self.audio,
            avatar=self.avatar,
            emotion=self.emotion,
            intensity=self.intensity,
            mixture=self.mixture,
            seed=self.seed,
            size=self.size,
            fps=self.fps,
            background=self.background,
            pose=self.pose,
            track=self.track,
            progress=progress,
        )


def told(result: "Result", wanted: "Emotion | Timeline") -> Iterator[str]:
    """What the user should know of a finished run: what was odd, and the emotions heard most."""
    from emogene.emotalk.emotion import Timeline

    yield from result.sound.warnings
    if isinstance(wanted, Timeline):
        yield from wanted.beyond(result.sound.duration)
    heard = sorted(result.heard.items(), key=lambda pair: -pair[1])[:3]
    if heard:
        yield "heard " + ", ".join(f"{label} {share:.0%}" for label, share in heard)


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """While a million objects are made that live on, no time is spent on looking for garbage among them, nor
    later. (The process is this command's own.)"""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _shown(quiet: bool) -> Iterator["Progress"]:
    """Bars on standard error with the time that is left; none at all when ``quiet``."""
    from emogene.progress import bars, silent

    if quiet:
        yield silent
        return
    with bars() as progress:
        yield progress
