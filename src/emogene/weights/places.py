"""Where the user's own files are: avatars, and official checkpoints. They are data, not a cache that may be
wiped: ``$EMOGENE_HOME``, or the platform's folder for applications' data.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from emogene.errors import EmoGeneError

AVATARS = "avatars"


def data_folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """``$EMOGENE_HOME``, else ``emogene`` in ``$XDG_DATA_HOME`` (``~/.local/share``), on Windows
    ``%LOCALAPPDATA%``, on a Mac ``~/Library/Application Support``.

    EmoGeneError where none of them is known and the user has no home folder.
    """
    if environment.get("EMOGENE_HOME"):
        return Path(environment["EMOGENE_HOME"])
    home = _home(environment, platform)
    if platform == "win32":
        named, usual = environment.get("LOCALAPPDATA"), ("AppData", "Local")
    elif platform == "darwin":
        named, usual = None, ("Library", "Application Support")
    else:
        named, usual = environment.get("XDG_DATA_HOME"), (".local", "share")
    if named and Path(named).is_absolute():  # the XDG standard: what is relative is to be ignored
        return Path(named) / "emogene"
    if home is None:
        raise EmoGeneError("there is no home folder here; set EMOGENE_HOME to a folder for your own avatars")
    return home.joinpath(*usual, "emogene")


def earlier_folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path | None:
    """Where files were until version 0.1, and are still found: a cache, which cleaners may wipe."""
    home = _home(environment, platform)
    return None if home is None or environment.get("EMOGENE_HOME") else home / ".cache" / "emogene"


def searched(part: str) -> list[Path]:
    """Where ``part`` (a file or folder of the user's) is looked for; what comes first counts."""
    try:
        places = [data_folder()]
    except EmoGeneError:
        places = []
    return [place / part for place in (*places, earlier_folder()) if place is not None]


def located(part: str) -> Path:
    """Where ``part`` is, or belongs. EmoGeneError where there is no such place."""
    return next((path for path in searched(part) if path.exists()), None) or data_folder() / part


def moving_hint(path: Path) -> str | None:
    """One line where ``path`` lies in the earlier folder, for whoever would miss it after a clean-up."""
    earlier = earlier_folder()
    if earlier is None or not path.is_relative_to(earlier):
        return None
    there = data_folder() / path.relative_to(earlier)
    return f"{path} is in a cache, which may be emptied; move it to {there}"


def _home(environment: Mapping[str, str], platform: str) -> Path | None:
    """None where the system knows of none, as for a user without an account in a container."""
    named = environment.get("USERPROFILE" if platform == "win32" else "HOME")
    if named:
        return Path(named)
    try:
        return Path.home()
    except RuntimeError:
        return None
