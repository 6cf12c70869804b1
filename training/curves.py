"""The curves of the audio models' trainings: written while they learn, drawn by

python training/curves.py        # training/curves.png from training/curves/*.csv
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
    figure, axes = pyplot.subplots(1, len(paths), figsize=(4.2 * len(paths), 3.2), squeeze=False)
    for axis, path in zip(axes[0], paths, strict=True):
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
