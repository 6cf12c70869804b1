"""A recording's performance on an avatar, and the files that can be made of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np

from emogene.audio.sound import Sound
from emogene.avatar import AnyAvatar
from emogene.clock import frame_count
from emogene.export import Motion, motion_writer
from emogene.metadata import run_metadata
from emogene.performance import Performance
from emogene.progress import Progress, silent
from emogene.video.background import Background
from emogene.workers import ahead


@dataclass(frozen=True)
class Config:
    """What was asked for; written into every file that is made, so that it can be made again."""

    audio: str
    avatar: str
    emotion: str
    intensity: float
    mixture: str
    seed: int
    size: int
    fps: str
    background: Background = None
    pose: str | None = None
    track: int | None = None


@dataclass(frozen=True)
class Rendering:
    """Where and how pictures are made: "cpu" or "cuda"; CPU threads; "fp32", "bf16" or what suits best."""

    device: str = "cpu"
    threads: int | None = None
    precision: str | None = None


@dataclass
class Result:
    """What the avatar does while it says the recording: a :class:`Performance`, whole or as it comes."""

    config: Config
    sound: Sound
    avatar: AnyAvatar
    rendering: Rendering
    models: Mapping[str, object]
    """Which models were asked for, as options."""
    weights: Sequence[Path]
    """Every file of weights behind it."""
    _stream: Callable[[], Iterator[Performance]] = field(repr=False)
    heard: dict[str, float] = field(default_factory=dict, init=False)
    """The mean probability of each emotion in what was performed last; none where no model tells."""

    def __iter__(self) -> Iterator[Performance]:
        """The performance in stretches that follow each other; memory does not grow with their number."""
        return self._hearing(iter([self.performance]) if "performance" in vars(self) else self._stream())

    def _hearing(self, performances: Iterator[Performance]) -> Iterator[Performance]:
        """The same, while :attr:`heard` is kept."""
        frames = 0
        for performance in performances:
            if performance.heard is not None:
                share = len(performance) / (frames + len(performance))
                for name, mean in performance.heard.mean().items():
                    self.heard[name] = (1 - share) * self.heard.get(name, 0.0) + share * mean
            frames += len(performance)
            yield performance

    @cached_property
    def performance(self) -> Performance:
        """All of it, in memory: every frame that the video shows."""
        return Performance.join(list(self._stream()))

    def perform(self) -> None:
        """Hear the whole recording now."""
        _ = self.performance

    def __len__(self) -> int:
        """Frames of the video."""
        return len(self.performance)

    @property
    def fps(self) -> Fraction:
        return Fraction(self.config.fps)

    def frames(self, performances: Iterator[Performance] | None = None) -> Iterator[np.ndarray]:
        """Rendered frames ``[size, size, 3]`` uint8 sRGB, one by one, of this performance or of others."""
        performances = ahead(iter(self)) if performances is None else performances
        renderer = self.avatar.renderer(
            size=self.config.size,
            background=self.config.background,
            device=self.rendering.device,
            threads=self.rendering.threads,
            precision=self.rendering.precision,
        )
        return renderer.frames(performances)

    def save(
        self,
        path: str | PathLike[str],
        compare: str | PathLike[str] | None = None,
        motion: Sequence[str | PathLike[str]] = (),
        progress: Progress = silent,
    ) -> None:
        """Write the video with the recording's own sound to ``path`` (mp4), the four panels to ``compare``,
        and files of the motion (see :meth:`save_motion`), all in one go.

        Frames are rendered once, streamed, and shared by both videos. Raises EmoGeneError where the system
        refuses.
        """
        from emogene.video.film import Film

        film = Film(
            frames=self.frames,
            size=self.config.size,
            space=self.avatar.space,
            sound=self.sound,
            fps=self.fps,
            about=self.about,
            threads=self.rendering.threads or 1,
        )
        with ExitStack() as files:
            writers = [files.enter_context(motion_writer(each, self.about)) for each in motion]
            told = _told(ahead(iter(self)), writers)
            film.write(told, path, compare, lambda count: progress("rendering", count, self.expected))

    def save_motion(self, *paths: str | PathLike[str]) -> None:
        """Write the motion alone; the format is chosen by each name's ending (:mod:`emogene.export`)."""
        with ExitStack() as files:
            writers = [files.enter_context(motion_writer(path, self.about)) for path in paths]
            for _ in _told(iter(self), writers):
                pass

    @property
    def about(self) -> dict[str, object]:
        """What it takes to make this again: version, weights, options."""
        return run_metadata(asdict(self.config), asdict(self.rendering), self.models, weights=self.weights)

    @property
    def expected(self) -> int:
        """Frames of the video, as far as is known; 0 where nothing is."""
        if "performance" in vars(self):
            return len(self.performance)
        seconds = self.sound.expected
        return 0 if seconds is None else frame_count(seconds, self.fps)


def _told(performances: Iterator[Performance], writers: Sequence[Motion]) -> Iterator[Performance]:
    """The performances, each shown to all writers first."""
    for performance in performances:
        for writer in writers:
            writer.add(performance)
        yield performance
