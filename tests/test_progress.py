import os
import re
import subprocess
import sys

from emogene.progress import over


def test_every_item_is_a_step():
    seen = []
    assert list(over("abc", "letters", lambda *step: seen.append(step))) == ["a", "b", "c"]
    assert seen == [("letters", done, 3) for done in range(4)]


def test_a_step_is_done_when_the_next_is_asked_for():
    seen = []
    items = over([1, 2], "numbers", lambda *step: seen.append(step))
    next(items)
    assert seen == [("numbers", 0, 2)]
    next(items)
    assert seen[-1] == ("numbers", 1, 2)


BARS = """
from emogene.progress import bars, over
with bars() as progress:
    for done, stage in enumerate(("listening", "lips", "emotion")):
        progress(stage, done, 3)
    progress("mixture", 3, 3)
    for _ in over(range(3), "rendering", progress):
        pass
"""


def drawn(**environment: str) -> list[str]:
    """The lines that stand in the end, where standard error is no terminal."""
    done = subprocess.run(
        [sys.executable, "-c", BARS], capture_output=True, env=os.environ | {"COLUMNS": "100"} | environment
    )
    assert done.returncode == 0 and not done.stdout, done.stderr
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stderr.decode()).splitlines()


def test_stages_that_go_on_share_a_bar_and_others_have_their_own():
    lines = drawn()
    assert [line.split()[0] for line in lines] == ["mixture", "rendering"]
    assert all("3/3" in line for line in lines)


def test_where_nothing_is_said_nothing_is_drawn():
    done = subprocess.run(
        [sys.executable, "-c", "from emogene.progress import bars\nwith bars(): pass"], capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_bars_where_the_console_knows_ascii_alone():
    assert [line.split()[0] for line in drawn(PYTHONIOENCODING="ascii")] == ["mixture", "rendering"]
