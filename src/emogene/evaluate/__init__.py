"""What the parts reach: one module per measurement, each with ``evaluate(folder, progress) -> figures``."""

import json
import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

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
    """As JSON (UTF-8), whole or not at all; what is no number is null."""
    text = json.dumps(_plain(figures), indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor numpy's numbers."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
