"""Official networks at full size, in weights made from their names: ``python -m emogene.parity MODEL ...``.

Nothing is downloaded; what comes out can be compared with what the official code gives for the same inputs
and the same named weights. See docs/parity.md for every model's inputs and outputs.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from emogene.errors import EmoGeneError

Model = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]

MODELS = ("audio2motion", "emotalk", "head_sr", "sr", "torso_sr")
"""Functions of :mod:`emogene.reference.parity`."""


def model(name: str) -> Model:
    """The function behind a name of :data:`MODELS`."""
    from emogene.reference import parity

    return getattr(parity, name)


def run(name: str, source: Path, target: Path) -> None:
    """Feed the arrays of ``source`` (npz) to a model and write what it returns to ``target`` (npz)."""
    try:
        with np.load(source, allow_pickle=False) as archive:
            inputs = dict(archive)
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise EmoGeneError(f"{source}: not a readable .npz file ({error})") from None
    try:
        outputs = model(name)(inputs)
    except KeyError as error:
        raise EmoGeneError(f"{source}: {name} also needs the array {error}") from None
    with target.open("wb") as file:
        np.savez(file, **outputs)  # pyright: ignore[reportArgumentType]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m emogene.parity", description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--weights", choices=["named"], default="named")
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        run(options.model, options.input, options.output)
    except EmoGeneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
