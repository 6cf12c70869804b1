"""A performance as videos: the talking head, and the four panels beside GeneFace++."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import tee
from os import PathLike
from typing import TYPE_CHECKING

from emogene.performance import Performance
from emogene.progress import Progress
from emogene.video.compare import FourPanels
from emogene.video.writer import VideoWriter

if TYPE_CHECKING:
    from emogene.result import Result


def film(
    result: "Result",
    performances: Iterator[Performance],
    path: str | PathLike[str],
    compare: str | PathLike[str] | None,
    progress: Progress,
) -> None:
    """Write ``path`` and, if asked for, ``compare``, frame by frame; each is there whole or not at all."""
    shown, beside = tee(performances) if compare is not None else (performances, iter(()))
    with ExitStack() as files:
        video = files.enter_context(_writer(result, path, result.config.size, result.config.size))
        panels = None
        if compare is not None:
            panels = _Panels(result, beside, files, compare)
        for count, face in enumerate(result.frames(shown), 1):
            video.write(face)
            if panels is not None:
                panels.write(face)
            progress("rendering", count, result.expected)


class _Panels:
    """The comparison being written."""

    def __init__(
        self,
        result: "Result",
        performances: Iterator[Performance],
        files: ExitStack,
        path: str | PathLike[str],
    ) -> None:
        self._layout = FourPanels(result.avatar.space, result.config.size)
        self._writer = files.enter_context(_writer(result, path, self._layout.width, self._layout.height))
        told, alone = tee(performances)
        self._alone = result.frames(performance.without_emotion() for performance in alone)
        self._points = (
            (frame.landmarks.points[0], frame.lips.points[0])
            for performance in told
            for frame in (performance[t : t + 1] for t in range(len(performance)))
        )
        self._count = 0

    def write(self, face) -> None:
        """The next frame, beside EmoGene's ``face [size, size, 3]``."""
        faces = face, next(self._alone)
        self._writer.write(self._layout.draw(self._count, faces, next(self._points)))
        self._count += 1


def _writer(result: "Result", path: str | PathLike[str], width: int, height: int):
    tags = {"title": result.config.audio, "description": json.dumps(result.about)}
    return VideoWriter.open(
        path,
        width=width,
        height=height,
        sound=result.sound,
        fps=result.fps,
        tags=tags,
        threads=result.rendering.threads or 1,
    )
