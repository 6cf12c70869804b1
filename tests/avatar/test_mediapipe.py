"""MediaPipe's face landmarker: one line where it cannot be had, and no commentary."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from emogene.avatar.capture.mediapipe import face_landmarker
from emogene.errors import EmoGeneError

MODEL = Path(__file__).parents[3] / "shared" / "data" / "models" / "face_landmarker.task"

LOOK = """
import sys
import numpy as np
from emogene.avatar.capture.mediapipe import face_landmarker, image
from emogene.progress import bars, over
with bars() as progress:
    for _ in over([1], "looking", progress):
        with face_landmarker(sys.argv[1], blendshapes=True) as landmarker:
            assert not landmarker.detect(image(np.zeros((64, 64, 3), np.uint8))).face_landmarks
            print("seen", file=sys.stderr)
"""

pytestmark = pytest.mark.skipif(not find_spec("mediapipe"), reason="MediaPipe is not installed")


def test_no_model_is_one_line(tmp_path):
    with pytest.raises(EmoGeneError, match="no such file"), face_landmarker(tmp_path / "none.task"):
        pass
    (tmp_path / "false.task").write_text("no model")
    with pytest.raises(EmoGeneError, match="not MediaPipe's"), face_landmarker(tmp_path / "false.task"):
        pass


@pytest.mark.skipif(not MODEL.is_file(), reason="needs ../shared/data/models/face_landmarker.task")
def test_only_what_python_writes_is_seen():
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(MODEL)], capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["seen", "looking"], done.stderr
