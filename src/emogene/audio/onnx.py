"""onnxruntime, which the pitch detector runs on, without its telemetry."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH = "ORT_DISABLE_TELEMETRY"


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Import onnxruntime, or what imports it, in here.

    It writes a device id below ``~/.cache/Microsoft`` and looks up a host, unless the environment
    says otherwise when it is imported. The environment is afterwards as it was.
    """
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SWITCH]
        else:
            os.environ[SWITCH] = before
