"""Frames to files: the video writer, the four-panel comparison, the contact sheet."""

from typing import TYPE_CHECKING

from emogene.lazy import lazily

if TYPE_CHECKING:
    from emogene.video.writer import VideoWriter

__all__ = ["VideoWriter"]

__getattr__ = lazily(__name__, {"VideoWriter": "writer"})
