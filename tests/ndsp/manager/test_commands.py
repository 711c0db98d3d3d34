"""From the command of an entry to the words of a command line."""

import contextlib
import dataclasses
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndsp.device_db import Controller
from ndsp.manager._commands import CommandError, find_program, words
from tests.ndsp.manager.world import spec


def with_command(command: str) -> Controller:
    """An entry of which nobody has looked at the command before."""
    return dataclasses.replace(spec("lda"), command=command)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("aqctl_x -p {port} --bind {bind}", ["aqctl_x", "-p", "3253", "--bind", "::1"]),
        (
            "x --id 'USB VID:PID=0403:6015 SER=DT04'",
            ["x", "--id", "USB VID:PID=0403:6015 SER=DT04"],
        ),
        ("bash -c 'VAR=x prog {port}'", ["bash", "-c", "VAR=x prog 3253"]),
        (r"C:\\lab\\x.exe {name}", [r"C:\lab\x.exe", "lda"]),
        ("x {serial} {{literally}}", ["x", "DT04", "{literally}"]),
        ("x --ssl {ARTIQ_SSL_DIR}/a.pem", ["x", "--ssl", "/certificates/a.pem"]),
        ("x ''", ["x", ""]),
    ],
)
def test_places_are_filled_and_the_result_is_split_as_a_shell_does_it(
    command: str, expected: list[str]
) -> None:
    controller = spec("lda", command=command, serial="DT04")
    assert words(controller, {"ARTIQ_SSL_DIR": "/certificates"}) == expected


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("x {nowhere}", "names {nowhere}, which is no key of the entry"),
        ("x {ARTIQ_SSL_DIR}", "this environment variable is not set"),
        ("x {", "write braces that are not meant as such twice"),
        ("x {0}", "cannot be filled"),
        ("x {port.nothing}", "cannot be filled"),
        ("x 'open", "cannot be split: No closing quotation"),
        ("   ", "is empty"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(command: str, reason: str) -> None:
    with pytest.raises(CommandError) as caught:
        words(with_command(command), {})
    assert reason in str(caught.value)


@given(st.text("x{}'\"\\ :!.[]0port\n", max_size=20))
def test_any_command_gives_words_or_one_kind_of_error(command: str) -> None:
    with contextlib.suppress(CommandError):
        assert words(with_command(command), {})


def test_a_program_beside_the_interpreter_is_found_also_if_it_is_not_on_path(
    tmp_path: Path,
) -> None:
    own = Path(sys.executable)
    assert find_program(own.name, {"PATH": str(tmp_path)}) == str(own.parent / own.name)
    with pytest.raises(CommandError, match="'aqctl_nothing' on the PATH of the manager"):
        find_program("aqctl_nothing", {"PATH": str(tmp_path)})
    with pytest.raises(CommandError, match=f"in {Path.cwd()}"):
        find_program(f".{os.sep}nothing", {"PATH": str(tmp_path)})
