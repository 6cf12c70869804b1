"""What the parts reach: one module per measurement, each with ``evaluate(folder, progress=...) -> figures``.

``progress(items, what)`` gives the items one by one, under a bar if it likes.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from emogene.bars import over
from emogene.errors import EmoGeneError
from emogene.output import replacing

MEASUREMENTS = ("lips", "emotion", "mixture", "render")


def evaluate(what: str, folder: Path) -> dict[str, Any]:
    """The figures of one of :data:`MEASUREMENTS` on ``folder``, by name; JSON-ready. Bars on standard error.

    docs/evaluate.md says how each folder is laid out.
    """
    if what not in MEASUREMENTS:
        raise EmoGeneError(f"unknown measurement {what!r}; choose {', '.join(MEASUREMENTS)}")
    if not folder.is_dir():
        raise EmoGeneError(f"{folder}: no such folder")
    return import_module(f"emogene.evaluate.{what}").evaluate(folder, progress=over)


def write_figures(figures: dict[str, Any], path: str | Path) -> None:
    """As JSON, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
