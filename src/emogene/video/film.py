"""A performance as videos: the talking head, and the four panels beside GeneFace++."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import tee
from os import PathLike

import numpy as np

from emogene.audio.sound import Sound
from emogene.face.space import LandmarkSpace
from emogene.performance import Performance
from emogene.video.compare import FourPanels
from emogene.video.writer import VideoWriter


@dataclass(frozen=True)
class Film:
    """What is filmed, and how.

    ``frames`` draws performances, uint8 ``[size, size, 3]``; ``space``: the avatar's landmarks; ``about``:
    how it was made, for the file's description; ``threads``: of the encoder.
    """

    frames: Callable[[Iterator[Performance]], Iterator[np.ndarray]]
    size: int
    space: LandmarkSpace
    sound: Sound
    fps: Fraction
    about: Mapping[str, object]
    threads: int

    def write(
        self,
        performances: Iterator[Performance],
        path: str | PathLike[str],
        compare: str | PathLike[str] | None,
        counted: Callable[[int], None],
    ) -> None:
        """Write ``path`` and, if asked for, ``compare``, frame by frame; each is there whole or not at all.
        ``counted`` is told how many frames are written."""
        shown, beside = tee(performances) if compare is not None else (performances, iter(()))
        with ExitStack() as files:
            video = files.enter_context(self._writer(path, self.size, self.size))
            panels = None if compare is None else _Panels(self, beside, files, compare)
            for count, face in enumerate(self.frames(shown), 1):
                video.write(face)
                if panels is not None:
                    panels.write(face)
                counted(count)

    def _writer(self, path: str | PathLike[str], width: int, height: int):
        tags = {"title": self.sound.name, "description": json.dumps(self.about)}
        return VideoWriter.open(
            path,
            width=width,
            height=height,
            sound=self.sound,
            fps=self.fps,
            tags=tags,
            threads=self.threads,
        )


class _Panels:
    """The comparison being written."""

    def __init__(
        self,
        film: Film,
        performances: Iterator[Performance],
        files: ExitStack,
        path: str | PathLike[str],
    ) -> None:
        self._layout = FourPanels(film.space, film.size)
        self._writer = files.enter_context(film._writer(path, self._layout.width, self._layout.height))
        told, alone = tee(performances)
        self._alone = film.frames(performance.without_emotion() for performance in alone)
        self._points = (
            points
            for performance in told
            for points in zip(performance.landmarks.points, performance.lips.points, strict=True)
        )
        self._count = 0

    def write(self, face: np.ndarray) -> None:
        """The next frame, beside EmoGene's ``face [size, size, 3]``."""
        faces = face, next(self._alone)
        self._writer.write(self._layout.draw(self._count, faces, next(self._points)))
        self._count += 1
