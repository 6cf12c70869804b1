"""The curves of the audio models' trainings, written while they learn.

    python training/curves.py

draws training/curves/*.csv into training/curves.png.
"""

import csv
from pathlib import Path

FOLDER = Path(__file__).parent / "curves"


def record(name: str, step: int, values: dict[str, float]) -> None:
    """Append a row to the curve ``name``; what an earlier run wrote from there on is gone."""
    path = FOLDER / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    rows = [row for row in read(path) if row["step"] < step]
    rows.append({"step": step} | {key: round(value, 5) for key, value in values.items()})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[-1]))
        writer.writeheader()
        writer.writerows(rows)


def read(path: Path) -> list[dict[str, float]]:
    """The rows of a curve, ``step`` among their columns; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def main() -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    paths = sorted(FOLDER.glob("*.csv"))
    across = 3
    down = -(-len(paths) // across)
    figure, axes = pyplot.subplots(down, across, figsize=(4 * across, 3 * down), squeeze=False)
    for axis, path in zip(axes.flat, paths, strict=False):
        rows = read(path)
        for key in rows[0]:
            if key != "step":
                axis.semilogy([row["step"] for row in rows], [row[key] for row in rows], label=key)
        axis.set(title=path.stem.replace("_", " "), xlabel="step")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(FOLDER.with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
