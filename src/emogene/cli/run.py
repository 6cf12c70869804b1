"""A command line read, run, and told how it ended."""

import os
from typing import Any

import tyro

from emogene import __version__
from emogene.cli.avatar import OneAvatar
from emogene.cli.avatars import Avatars
from emogene.cli.doctor import Doctor
from emogene.cli.evaluate import Evaluate
from emogene.cli.generate import Generate
from emogene.cli.streams import note, prepare_streams, show
from emogene.cli.usage import usage_errors_in_one_line
from emogene.errors import EmoGeneError

VERBS: dict[str, Any] = {
    "generate": Generate,
    "avatars": Avatars,
    "avatar": OneAvatar,
    "evaluate": Evaluate,
    "doctor": Doctor,
}
DONE, CRASH, USER_ERROR = 0, 1, 2


def run(arguments: list[str]) -> int:
    """Do what ``arguments`` ask for; the exit status. Whatever goes wrong is one line."""
    prepare_streams()
    try:
        if arguments in (["--version"], ["-V"]):
            show(f"emogene {__version__}")
        else:
            _read(arguments or ["--help"]).run()
        return DONE
    except EmoGeneError as error:
        return _ended(str(error), USER_ERROR)
    except BrokenPipeError:  # the reader of our output has seen enough
        return DONE
    except MemoryError as error:
        return _ended(f"not enough memory {error}", CRASH)
    except Exception as error:
        if os.environ.get("EMOGENE_DEBUG"):
            raise
        return _ended(
            f"{type(error).__name__}: {error} (a fault of ours; EMOGENE_DEBUG=1 shows where)", CRASH
        )


def _read(arguments: list[str]) -> Any:
    with usage_errors_in_one_line():
        return tyro.extras.subcommand_cli_from_dict(
            VERBS, args=arguments, prog="emogene", description="A voice in, an emotional talking head out."
        )


def _ended(message: str, status: int) -> int:
    note(message)
    return status
