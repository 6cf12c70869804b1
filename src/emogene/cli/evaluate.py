"""``emogene evaluate``."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Evaluate:
    """Measure one part on a folder of recordings."""

    what: Annotated[Positional[Literal["lips", "emotion", "mixture", "render"]], arg(metavar="WHAT")]
    """lips, emotion, mixture or render."""
    folder: Annotated[Positional[str], arg(metavar="FOLDER")]
    """What to measure on: your own recordings too; docs/evaluate.md says how each is laid out."""
    json: Annotated[str | None, arg(metavar="FILE")] = None
    """Write the figures to this file too."""

    def run(self) -> None:
        from emogene.cli.streams import show
        from emogene.output import check_outputs
        from emogene.progress import bars

        if self.json:
            check_outputs([self.json], filter(Path.is_file, Path(self.folder).rglob("*")))
        from emogene.evaluate import evaluate, write_figures

        with bars() as progress:
            figures = evaluate(self.what, self.folder, progress)
        if self.json:
            write_figures(figures, self.json)
        for name, value in flat(figures):
            show(f"{name:<40} {value}")


def flat(figures: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Nested figures as lines of dotted name and value."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:.4g}" if isinstance(value, float) else value
