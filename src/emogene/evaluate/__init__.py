"""What the parts reach: one module per measurement, each with ``evaluate(folder, progress) -> figures``."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from emogene.errors import EmoGeneError
from emogene.output import replacing
from emogene.progress import Progress, silent

MEASUREMENTS = ("lips", "emotion", "mixture", "render")


def evaluate(what: str, folder: str | Path, progress: Progress = silent) -> dict[str, Any]:
    """The figures of one of :data:`MEASUREMENTS` on ``folder``, by name; JSON-ready.

    docs/evaluate.md says how each folder is laid out.
    """
    if what not in MEASUREMENTS:
        raise EmoGeneError(f"unknown measurement {what!r}; choose {', '.join(MEASUREMENTS)}")
    folder = Path(folder)
    if not folder.is_dir():
        raise EmoGeneError(f"{folder}: no such folder")
    return import_module(f"emogene.evaluate.{what}").evaluate(folder, progress=progress)


def write_figures(figures: dict[str, Any], path: str | Path) -> None:
    """As JSON, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
