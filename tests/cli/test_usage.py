"""A command line that cannot be read is one line, whatever the width of the terminal."""

import pytest


@pytest.mark.parametrize("columns", ["60", "100"])
@pytest.mark.parametrize(
    ("arguments", "because", "where"),
    [
        ("generate x.wav", "missing from emogene generate: -o OUT.mp4|OUT.npz, --output", "emogene generate"),
        ("generate", "missing from emogene generate: AUDIO and -o OUT", "emogene generate"),
        (
            "fly",
            "options: fly; Available subcommands: generate, avatars, avatar, evaluate, doctor",
            "emogene",
        ),
        ("generate x.wav -o y.mp4 --seed x", "--seed: invalid literal for int()", "emogene"),
        ("generate x.wav -o", "missing value for argument '-o/--output'", "emogene generate"),
        (
            "generate x.wav -o y.mp4 --intensty 1",
            "--intensty, 1; Perhaps you meant: --intensity X",
            "emogene",
        ),
        ("generate x.wav -o y.mp4 --device tpu", "invalid choice 'tpu'", "emogene generate"),
        ("avatar", "expected one of {import, show}", "emogene"),
        ("evaluate lips", "missing from emogene evaluate: FOLDER", "emogene evaluate"),
    ],
)
def test_wrong_usage_is_one_line_with_status_2(run, monkeypatch, columns, arguments, because, where):
    monkeypatch.setenv("COLUMNS", columns)
    status, out, err = run(*arguments.split())
    assert (status, out) == (2, "")
    assert because in err and err.startswith("emogene: ") and err.endswith(f"({where} --help)\n")
    assert err.count("\n") == 1
