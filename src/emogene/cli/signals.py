"""What ends the program from outside: one line, the right status, and nothing half-written."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

ENDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}


def leave_on_signals() -> Callable[[], None]:
    """From now on the signals end the program at once. What is returned puts the former handlers back.

    A signal that is ignored (as by nohup, or in the background) stays ignored. Only the main thread can set
    handlers; on another nothing is done.
    """
    former = {}
    if threading.current_thread() is threading.main_thread():
        for name in ENDS:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                former[number] = signal.signal(number, _leave)

    def put_back() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    return put_back


def _leave(number: int, frame: FrameType | None) -> None:
    """No exception is raised: wherever the program is, in an import or a callback, it could be swallowed."""
    del frame
    output = sys.modules.get("emogene.output")
    if output is not None:
        output.discard_unfinished()
    show_cursor = "\x1b[?25h\n" if os.isatty(2) else ""  # a progress bar hides it
    try:
        os.write(2, f"{show_cursor}emogene: {ENDS[signal.Signals(number).name]}\n".encode())
    finally:
        os._exit(128 + number)
