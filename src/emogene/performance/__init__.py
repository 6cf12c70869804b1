"""What the face does at every frame, between the mixture and the pictures (see :class:`Performance`)."""

from emogene.performance.performance import Performance

__all__ = ["Performance"]
