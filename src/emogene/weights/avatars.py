"""Which avatar files there are, by name: those in the package and the user's own. Nothing is opened."""

import os
import re
from pathlib import Path

from emogene.errors import EmoGeneError
from emogene.weights.embedded import assets
from emogene.weights.places import AVATARS, data_folder, searched

SUFFIX = ".safetensors"
DEFAULT = "grid-s1"


def avatar_files() -> dict[str, Path]:
    """In order of name; an embedded avatar goes before a user's of the same name."""
    found = {
        path.name.removesuffix(SUFFIX): path
        for place in (*reversed(searched(AVATARS)), assets() / AVATARS)
        for path in place.glob(f"*{SUFFIX}")
    }
    return dict(sorted(found.items()))


def avatar_file(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of an avatar by name, or that file itself. EmoGeneError where there is none."""
    name = DEFAULT if name_or_path == "default" else str(name_or_path)
    known = avatar_files()
    if name in known:
        return known[name]
    if os.path.isfile(name_or_path):
        return Path(name_or_path)
    raise EmoGeneError(f"no avatar {name!r}: neither a known one ({', '.join(known)}) nor a file.")


def new_avatar_file(name: str) -> Path:
    """Where ``--avatar NAME`` will find it. EmoGeneError for what cannot be a file's name or is taken."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise EmoGeneError(f"avatar name {name!r}: use letters, digits, '-', '_' and '.'")
    if name == "default" or (assets() / AVATARS / f"{name}{SUFFIX}").exists():
        raise EmoGeneError(f"avatar name {name!r}: an avatar of the package has it; choose another")
    return data_folder() / AVATARS / f"{name}{SUFFIX}"
