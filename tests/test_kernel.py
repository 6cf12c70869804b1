"""Kernels work where nothing can be kept, and never before they are called."""

import os
import subprocess
import sys

CODE = """
from emogene.kernel import kernel
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []  # as where no folder can be written

@kernel
def twice(x):
    return 2 * x

print(twice.signatures, twice(21), len(twice.signatures))
"""


def test_without_a_folder_for_the_cache():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.split() == ["[]", "42", "1"]


def test_kernels_are_kept_where_they_can_be(tmp_path):
    script = tmp_path / "made.py"
    script.write_text("from emogene.kernel import kernel\n\n@kernel\ndef f(x):\n    return x + 1\n\nf(1)\n")
    environment = dict(os.environ) | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, str(script)], check=True, env=environment)
    assert list((tmp_path / "cache").rglob("*.nbi"))
