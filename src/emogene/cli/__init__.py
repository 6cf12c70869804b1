"""The command line: one file per verb, each a thin call of the library.

This file imports next to nothing, so that signals are minded from the start.
"""

import sys
from collections.abc import Sequence
from typing import NoReturn

from emogene.cli.signals import leave_on_signals


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0; 2 for what the user can put right; 1 for a fault of ours; 130, 143,
    129 when interrupted, terminated, hung up."""
    put_back = leave_on_signals()
    try:
        from emogene.cli.run import run

        sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))
    finally:
        if arguments is not None:  # a caller of ours goes on; otherwise the process ends here
            put_back()
