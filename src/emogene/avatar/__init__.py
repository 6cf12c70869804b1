"""Avatars: one person's face, poses and trained fields in one file.

:mod:`.official_import` makes one of GeneFace++'s checkpoints (:class:`.official.OfficialAvatar`).
:mod:`.capture` makes a training set of a video, :mod:`.train` trains on it, :class:`Avatar` is the result.
"""

from emogene.avatar.avatar import AnyAvatar, Avatar, Provenance, avatars

__all__ = ["AnyAvatar", "Avatar", "Provenance", "avatars"]
