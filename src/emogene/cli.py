"""The command line: one subcommand per verb, each a thin call of the library."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg, subcommand

from emogene import __version__
from emogene.errors import EmoGeneError
from emogene.usage import usage_errors_in_one_line

if TYPE_CHECKING:
    from emogene.pipeline import Progress

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
USER_ERROR, CRASH, INTERRUPTED, TERMINATED = 2, 1, 130, 143


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
    background: Annotated[str | None, arg(metavar="COLOR|IMAGE")] = None
    """What stands behind the head: white, #1f3a5f, or an image file."""
    pose: Annotated[str | None, arg(metavar="static|nearest|A-B", help=POSE)] = None
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
    """CPU threads; all cores by default."""
    quiet: FlagCreatePairsOff[bool] = False
    """Say nothing but errors."""

    def run(self) -> None:
        from emogene.output import check_writable

        output, panels = Path(self.output), None
        if output.suffix.lower() not in (".mp4", ".npz"):
            raise EmoGeneError(f"{output}: the output is an .mp4 (video) or an .npz (motion)")
        motion_only = output.suffix.lower() == ".npz"
        if motion_only and (self.compare or self.landmarks):
            raise EmoGeneError(f"{output}: motion alone; --compare and --landmarks go with an .mp4")
        if self.compare:
            panels = output.with_name(f"{output.stem}_compare{output.suffix}")
        if not self.emotalk and (self.emotalk_level, self.emotalk_person) != (None, None):
            raise EmoGeneError("--emotalk-level and --emotalk-person go with --emotalk EmoTalk.pth")
        if self.curves and not self.curves.lower().endswith(".png"):
            raise EmoGeneError(f"{self.curves}: the curves are a .png")
        wanted = [path for path in (output, panels, self.landmarks, self.curves) if path]
        for path in wanted:
            check_writable(path)

        with _progress(self.quiet) as progress:
            progress("loading", 0, 1)
            from emogene.pipeline import EmoGene

            pipeline = EmoGene.from_pretrained(
                *(self.device, self.threads, self.emotalk, self.audio2motion, self.hubert, self.precision),
                level=1 if self.emotalk_level is None else self.emotalk_level,
                person=self.emotalk_person or 0,
            )
            progress("loading", 1, 1)
            result = pipeline(
                self.audio,
                avatar=self.avatar,
                emotion=self.emotion,
                intensity=self.intensity,
                mixture=self.mixture,
                seed=self.seed,
                size=self.size,
                background=self.background,
                pose=self.pose,
                progress=progress,
            )
            if self.curves:
                result.save_curves(self.curves)
            if motion_only:
                result.save_landmarks(output)
            else:
                if self.landmarks:
                    result.save_landmarks(self.landmarks)
                result.save(output, compare=panels, progress=progress)
        if not self.quiet and result.heard:
            heard = sorted(result.heard.mean().items(), key=lambda pair: -pair[1])[:3]
            print("heard:", ", ".join(f"{label} {share:.0%}" for label, share in heard), file=sys.stderr)
        if not self.quiet:
            print("\n".join(map(str, wanted)))


@dataclass(frozen=True)
class Avatars:
    """List the avatars that --avatar knows by name."""

    def run(self) -> None:
        from emogene.avatar import Avatar, avatars

        for name in avatars():
            provenance = Avatar.open(name).provenance
            print(f"{name:<16} {provenance.licence:<12} {provenance.consent}")


@dataclass(frozen=True)
class ImportAvatar:
    """Make an avatar of official GeneFace++ checkpoints, for `generate --avatar NAME`.

    The file holds parts of the Basel face model and may not be passed on. See docs/official.md.
    """

    name: Annotated[str, arg(metavar="NAME")]
    """What to call it."""
    dataset: Annotated[str, arg(metavar="trainval_dataset.npy")]
    """The person's binarised video."""
    bfm: Annotated[str, arg(metavar="DIR")]
    """The folder of BFM_model_front.mat and index_mp468_from_mesh35709.npy."""
    torso: Annotated[str | None, arg(metavar="DIR")] = None
    """The torso's checkpoint, with or without super-resolution; it carries its head."""
    head: Annotated[str | None, arg(metavar="DIR")] = None
    """The head's checkpoint, which serves where there is no torso."""
    consent: Annotated[str, arg(metavar="TEXT")] = "not stated"
    """How the person agreed to being shown."""
    source: Annotated[str, arg(metavar="TEXT")] = "not stated"
    """Where the checkpoints come from."""
    output: Annotated[str | None, arg(name="output", aliases=["-o"], metavar="FILE.safetensors")] = None
    """Where to write; among your own avatars by default."""

    def run(self) -> None:
        from emogene.output import check_writable
        from emogene.reference.importer import default_path, import_official

        usual = default_path(self.name)
        output = Path(self.output or usual)
        if not self.output:
            output.parent.mkdir(parents=True, exist_ok=True)
        check_writable(output)
        given = (Path(path) if path else None for path in (self.head, self.torso))
        import_official(
            self.name, Path(self.dataset), Path(self.bfm), *given, consent=self.consent, source=self.source
        ).save(output)
        print(output)


@dataclass(frozen=True)
class ShowAvatar:
    """Say whose face an avatar is, on what terms, and how it was made."""

    avatar: Annotated[Positional[str], arg(metavar="NAME|FILE")]
    """A name that `emogene avatars` lists, or an avatar file."""

    def run(self) -> None:
        from dataclasses import asdict

        from emogene.avatar import Avatar

        person = Avatar.open(self.avatar)
        for name, value in asdict(person.provenance).items():
            print(f"{name:<12} {value}")
        print(f"{'landmarks':<12} {len(person.space.database)} frames")
        print(f"{'poses':<12} {len(person.pose)} frames")
        for name, checksum in person.training.get("imported", {}).items():
            print(f"{'imported':<12} {checksum}  {name}")


@dataclass(frozen=True)
class OneAvatar:
    """Import an avatar, or show what one is."""

    verb: OmitArgPrefixes[
        Annotated[ImportAvatar, subcommand("import", prefix_name=False)]
        | Annotated[ShowAvatar, subcommand("show", prefix_name=False)]
    ]

    def run(self) -> None:
        self.verb.run()


@dataclass(frozen=True)
class Evaluate:
    """Measure one part on a folder of recordings."""

    what: Annotated[Positional[Literal["lips", "emotion", "mixture", "render"]], arg(metavar="WHAT")]
    """lips, emotion, mixture or render."""
    folder: Annotated[Positional[str], arg(metavar="FOLDER")]
    """What to measure on: your own recordings too; docs/evaluate.md says how each is laid out."""
    json: Annotated[str | None, arg(metavar="FILE")] = None
    """Write the figures to this file too."""

    def run(self) -> None:
        from emogene.evaluate import evaluate, write_figures

        if self.json:
            from emogene.output import check_writable

            check_writable(self.json)
        figures = evaluate(self.what, Path(self.folder))
        for name, value in _flat(figures):
            print(f"{name:<40} {value}")
        if self.json:
            write_figures(figures, self.json)


@dataclass(frozen=True)
class Doctor:
    """Say what is installed, which device and weights are used, what is missing and how to get it."""

    def run(self) -> None:
        from emogene.doctor import report

        print(report())


COMMANDS = {
    "generate": Generate,
    "avatars": Avatars,
    "avatar": OneAvatar,
    "evaluate": Evaluate,
    "doctor": Doctor,
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0, 2 for what the user can put right, 130 when interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["--version"], ["-V"]):
        print(f"emogene {__version__}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.exit(_guarded(given or ["--help"]))


def _guarded(arguments: list[str]) -> int:
    """Run what ``arguments`` ask for; the exit status. Whatever goes wrong is one line."""
    try:
        with usage_errors_in_one_line():
            command = tyro.extras.subcommand_cli_from_dict(
                COMMANDS,
                args=arguments,
                prog="emogene",
                description="A voice in, an emotional talking head out.",
            )
        command.run()
        sys.stdout.flush()
        return 0
    except EmoGeneError as error:
        return _complain(str(error), USER_ERROR)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _complain("not enough memory", CRASH)
    except Exception as error:
        if os.environ.get("EMOGENE_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return _complain(f"{what} (a fault of ours; EMOGENE_DEBUG=1 shows where)", CRASH)


def _complain(message: str, status: int) -> int:
    print(f"emogene: {message}", file=sys.stderr)
    return status


@contextmanager
def _progress(quiet: bool) -> Iterator["Progress"]:
    """Bars on standard error with the time that is left; none at all when ``quiet``."""
    if quiet:
        yield lambda what, done, total: None
        return
    from emogene.bars import bars

    with bars() as shown:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            kind = "rendering" if what == "rendering" else "loading" if what == "loading" else "motion"
            if kind not in tasks:
                tasks[kind] = shown.add_task(what, total=total)
            shown.update(tasks[kind], description=what, completed=done, total=total)

        yield show


def _flat(figures: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Nested figures as lines of dotted name and value."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:.4g}" if isinstance(value, float) else value
