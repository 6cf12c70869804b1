"""The trainer's ``config.yaml`` that GeneFace++ leaves beside a checkpoint."""

import re
from pathlib import Path

CONFIG_FILE = "config.yaml"
Value = bool | int | float | str

_WORDS: dict[str, bool] = {"true": True, "false": False}
_LIMIT = 1_000_000  # bytes


def config_file(checkpoint: Path) -> Path:
    """Where the config of a checkpoint, a file or its folder, would be."""
    return (checkpoint if checkpoint.is_dir() else checkpoint.parent) / CONFIG_FILE


def read_hparams(checkpoint: Path) -> dict[str, Value]:
    """Hyper-parameters by name, of a checkpoint's folder or of a file in it; none if there is no config.

    It is a flat list of ``name: value``; only numbers, words and truth values are read, and nothing in it
    is run: lists, tags and everything indented are left out.
    """
    path = config_file(checkpoint)
    if not path.is_file() or path.stat().st_size > _LIMIT:
        return {}
    found = re.findall(r"^(\w+):[ \t]+(\S.*?)[ \t]*$", path.read_text("utf-8", "replace"), re.MULTILINE)
    return {name: _value(text) for name, text in found if text[0] not in "[{!&*|>"}


def _value(text: str) -> Value:
    text = text.split(" #")[0].strip().strip("'\"")
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return _WORDS.get(text.lower(), text)
