"""Avatars: one person's face, poses and trained fields in one file.

:mod:`.capture` makes a training set of a video, :mod:`.train` trains on it, :class:`Avatar` is the result.
"""

from emogene.avatar.avatar import Avatar, Provenance, avatars

__all__ = ["Avatar", "Provenance", "avatars"]
