"""What the face does at every frame, between the mixture and the pictures (see :class:`Performance`)."""

from emogene.performance.performance import Performance, in_blocks

__all__ = ["Performance", "in_blocks"]
