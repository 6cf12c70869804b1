"""The recorded radiance field serves the tests of its checkpoints too."""

from ..motion2video.conftest import recorded, small_head

__all__ = ["recorded", "small_head"]
