"""What a file says of how it was made."""

import hashlib
import json
from pathlib import Path

import numpy as np

from emogene import __version__
from emogene.metadata import checksums, run_metadata
from emogene.weights.embedded import assets


def test_version_options_and_weights_are_told(tmp_path):
    weights = [assets() / "face.safetensors", assets() / "emotalk.safetensors"]
    about = run_metadata({"seed": np.int64(3), "fps": "25"}, {"device": "cpu"}, weights=weights)
    assert json.loads(json.dumps(about)) == about
    assert about["emogene"] == __version__ and about["seed"] == 3 and about["device"] == "cpu"
    told = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in weights}
    assert about["weights"] == told


def test_folders_are_private():
    told = run_metadata({"background": "/home/me/private/x.png", "emotalk": Path("/models/EmoTalk.pth")})
    assert told["background"] == "x.png" and told["emotalk"] == "EmoTalk.pth"
    assert "home" not in json.dumps(told)


def test_files_of_one_name_are_told_apart_and_read_anew_when_they_change(tmp_path):
    files = [tmp_path / folder / "model.ckpt" for folder in ("head", "torso")]
    for path in files:
        path.parent.mkdir()
        path.write_text(path.parent.name)
    before = checksums(files)
    assert set(before) == {"head/model.ckpt", "torso/model.ckpt"}
    files[0].write_text("another")
    after = checksums(files)
    assert after["torso/model.ckpt"] == before["torso/model.ckpt"]
    assert after["head/model.ckpt"] == hashlib.sha256(b"another").hexdigest()
