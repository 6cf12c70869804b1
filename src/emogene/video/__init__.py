"""Frames to files: the video writer, the four-panel comparison, the contact sheet."""

from emogene.video.writer import VideoWriter

__all__ = ["VideoWriter"]
