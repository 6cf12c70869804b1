"""What the parts reach: one module per measurement, each with ``evaluate(folder) -> figures``."""

import inspect
import json
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from emogene.errors import EmoGeneError
from emogene.output import replacing

MEASUREMENTS = ("lips", "emotion", "mixture", "render")


def evaluate(what: str, folder: Path) -> dict[str, Any]:
    """The figures of one of :data:`MEASUREMENTS` on ``folder``, by name; JSON-ready."""
    if what not in MEASUREMENTS:
        raise EmoGeneError(f"unknown measurement {what!r}; choose {', '.join(MEASUREMENTS)}")
    if not folder.is_dir():
        raise EmoGeneError(f"{folder}: no such folder")
    measure = import_module(f"emogene.evaluate.{what}").evaluate
    takes_progress = "progress" in inspect.signature(measure).parameters
    return measure(folder, progress=_bar) if takes_progress else measure(folder)


def _bar(items: Iterable) -> Iterable:
    """The items, with a bar on standard error that says how long it will take."""
    return track(items, "measuring", console=Console(stderr=True), transient=True)


def write_figures(figures: dict[str, Any], path: str | Path) -> None:
    """As JSON, whole or not at all."""
    with replacing(path) as part:
        part.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
