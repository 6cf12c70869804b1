"""What importing EmoGene costs and needs."""

import os
import shutil
import subprocess
import sys
import wave
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import emogene

SOURCE = Path(emogene.__file__).parent


def python(script: str, *arguments: object, **environment: str) -> str:
    """Standard output of ``script``; its errors fail the test."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_is_light():
    heavy = {"torch", "numba", "numpy", "scipy", "av", "onnxruntime", "tyro", "rich", "emogene.reference"}
    loaded = python("import sys, emogene; print(*sys.modules)").split()
    assert not heavy & set(loaded)
    assert {name for name in loaded if name.startswith("emogene")} == {"emogene", "emogene.lazy"}


def test_the_pipeline_imports_neither_kernels_nor_the_reference_system():
    loaded = python("import sys; from emogene import Avatar, EmoGene, Emotion; print(*sys.modules)").split()
    assert not {"numba", "onnxruntime", "scipy", "emogene.kernel"} & set(loaded)
    assert not [name for name in loaded if name.startswith("emogene.reference")]


def test_public_names_are_there():
    script = "import emogene; print([getattr(emogene, name) for name in emogene.__all__] and 'all')"
    assert python(script) == "all\n"
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        emogene.Nothing  # noqa: B018


def test_types_are_told_to_users():
    assert files("emogene").joinpath("py.typed").is_file()


@pytest.fixture
def voice_file(tmp_path) -> Path:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
        file.writeframes(np.random.default_rng(0).normal(0, 2000, 1600).astype("<i2").tobytes())
    return path


GENERATE = """
import os, sys
sys.path.insert(0, sys.argv[1])
import emogene
assert emogene.__file__.startswith(sys.argv[1])
from emogene.kernel import kernel_cache
assert kernel_cache() is None
from emogene import EmoGene
result = EmoGene.from_pretrained(device="cpu", threads=1)(sys.argv[2], size=64)
print(next(iter(result.frames())).shape)
"""


def test_a_package_that_cannot_be_written_and_a_user_without_a_home(tmp_path, voice_file):
    """Kernels are compiled and kept nowhere. Files stand where caches would be made: that stops even root."""
    package = tmp_path / "site" / "emogene"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("")
    nowhere = str(tmp_path / "none" / "home")
    (tmp_path / "none").write_text("")
    shape = python(GENERATE, package.parent, voice_file, HOME=nowhere, XDG_CACHE_HOME=nowhere, PYTHONPATH="")
    assert shape == "(64, 64, 3)\n"
