"""Usage errors in one line. Tyro, which reads the command line, draws them as boxes of many lines."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from textwrap import dedent

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_RULE = re.compile(r"^ *[─-]{10,}$|^[╭╰].*$", re.MULTILINE)
_HELP = re.compile(r"emogene[\w ]* --help")
_LEFT_OUT = ("For full helptext", "Argument helptext")
_ITEM = 4  # spaces before an argument's name against the sentence; its help stands further right


@contextmanager
def usage_errors_in_one_line() -> Iterator[None]:
    """Whatever ends the program with status 2 in here has said so in a box: print it as one line instead."""
    said = StringIO()
    try:
        with redirect_stderr(said):
            yield
    except SystemExit as stop:
        sys.stderr.write(one_line(said.getvalue()) if stop.code == 2 else said.getvalue())
        raise
    sys.stderr.write(said.getvalue())


def one_line(box: str) -> str:
    """``emogene: what is wrong (which --help to read)`` of a box; its title and the arguments' help go.

    Sections are divided by rules; where the terminal has no line drawing the title is one more of them.
    """
    lines = [line.strip("│").rstrip() for line in _STYLE.sub("", box).splitlines()]
    sections = _RULE.split("\n".join(lines))
    said = [text for text in map(_flat, sections[1:]) if text and not text.startswith(_LEFT_OUT)]
    message = "; ".join(said) or "cannot read the command line"
    helps = _HELP.findall(" ".join(" ".join(lines).split()))
    return f"emogene: {message[0].lower()}{message[1:]} ({helps[-1] if helps else 'emogene --help'})\n"


def _flat(section: str) -> str:
    """The sentence, and the names of the arguments that are listed under it."""
    lines = [line for line in dedent(section).splitlines() if line]
    depths = [len(line) - len(line.lstrip()) for line in lines]
    pairs = list(zip(depths, lines, strict=True))
    sentence = " ".join(line for depth, line in pairs if not depth).removesuffix(".")
    items = " and ".join(line.strip() for depth, line in pairs if depth == _ITEM)
    return f"{sentence} {items}".strip()
