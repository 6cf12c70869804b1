"""What the face does at every frame, between the mixture and the pictures (see :class:`Performance`)."""

from typing import TYPE_CHECKING

from emogene.lazy import lazily

if TYPE_CHECKING:
    from emogene.performance.performance import Performance

__all__ = ["Performance"]

__getattr__ = lazily(__name__, {"Performance": "performance"})
