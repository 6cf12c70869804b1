"""Avatars: one person's face, poses and looks in one file (:mod:`.file`).

:mod:`.capture` makes a training set of a video, :mod:`.train` trains on it, :class:`Avatar` is the result.
"""

from emogene.avatar.avatar import Avatar
from emogene.avatar.file import AnyAvatar, Provenance

__all__ = ["AnyAvatar", "Avatar", "Provenance"]
