"""The command line as its users meet it."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emogene.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys) -> Run:
    """Runs the command line here; gives exit status, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return int(stop.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def humming(tmp_path_factory) -> Callable[[float], Path]:
    """Files of a sung vowel of a kind, so many seconds long: 120 Hz and its harmonics, swelling."""
    folder = tmp_path_factory.mktemp("voice")

    def make(seconds: float) -> Path:
        path, t = folder / f"{seconds}.wav", np.arange(round(seconds * 16_000)) / 16_000
        tone = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 8)) * np.sin(4 * np.pi * t) ** 2
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
            file.writeframes((3000 * np.asarray(tone)).astype("<i2").tobytes())
        return path

    return make


@pytest.fixture(scope="session")
def voice(humming) -> Path:
    return humming(0.6)
