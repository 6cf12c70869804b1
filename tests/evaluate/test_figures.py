"""Figures as a file."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from emogene.errors import EmoGeneError
from emogene.evaluate import evaluate, write_figures


def test_what_is_no_number_is_null(tmp_path):
    path = tmp_path / "figures.json"
    write_figures({"a": float("nan"), "b": {"c": np.float32(0.5), "d": [np.int64(3), np.inf]}}, path)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    found = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    assert found == {"a": None, "b": {"c": 0.5, "d": [3, None]}}


def test_names_that_the_locale_does_not_know(tmp_path):
    script = (
        "import sys; from emogene.evaluate import write_figures; write_figures({'\\u58f0': 1}, sys.argv[1])"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", script, str(tmp_path / "figures.json")]
    subprocess.run(command, env=os.environ | plain, check=True)
    assert json.loads((tmp_path / "figures.json").read_text("utf-8")) == {"声": 1}


def test_an_unknown_measurement_or_folder_is_one_line(tmp_path):
    with pytest.raises(EmoGeneError, match="choose lips, emotion, mixture, render"):
        evaluate("hair", tmp_path)
    with pytest.raises(EmoGeneError, match="no such folder"):
        evaluate("lips", str(tmp_path / "none"))
