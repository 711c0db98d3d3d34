"""From the parameters of a driver to options."""

import argparse
import enum
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from ndsp.controller._argument_descriptions import argument_descriptions
from ndsp.controller._driver_options import DriverOptions


class Mode(enum.Enum):
    FAST = 1
    EXACT = 2


def read(driver: Callable[..., Any], *words: str) -> dict[str, Any]:
    options = DriverOptions(driver)
    parser = argparse.ArgumentParser(exit_on_error=False)
    options.add_to(parser)
    return options.arguments(parser.parse_args(words))


def everything(
    name: str,
    *,
    count: int = 1,
    folder: Path | None = None,
    is_fast: bool = False,
    mode: Mode = Mode.FAST,
    parity: Literal["odd", "even", 0] = "odd",
    channels: list[int] = [1],  # noqa: B006 - what the driver does with it is its own affair
    pair: tuple[float, ...] = (),
    unknown: Any = None,
    **others: int,
) -> None:
    raise AssertionError("only its signature is looked at")


del everything.__annotations__["unknown"]


def test_words_become_values_of_the_annotated_type() -> None:
    line = "--name x --count 3 --folder a/b --is-fast --mode EXACT --parity 0 --channels 1 2"
    assert read(everything, *line.split(), "--pair", "1", "2.5") == {
        "name": "x",
        "count": 3,
        "folder": Path("a/b"),
        "is_fast": True,
        "mode": Mode.EXACT,
        "parity": 0,
        "channels": [1, 2],
        "pair": (1.0, 2.5),
    }


def test_what_is_not_given_keeps_its_default() -> None:
    values = read(everything, "--name", "x")
    assert values["folder"] is None
    assert values["mode"] is Mode.FAST
    assert values["pair"] == ()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--name", "x", "--mode", "SLOW"], "'SLOW' is none of FAST, EXACT"),
        (["--name", "x", "--parity", "1"], "'1' is none of odd, even, 0"),
        (["--name", "x", "--count", "1.5"], "invalid int value"),
    ],
)
def test_a_wrong_word_is_refused(words: list[str], reason: str) -> None:
    with pytest.raises(argparse.ArgumentError, match=reason):
        read(everything, *words)


def test_descriptions_come_from_the_docstring_or_the_annotation() -> None:
    class Driver:
        """Something.

        Args:
            rate: In samples per second,
                100 % of them.
            gain (float): In dB.
        """

        def __init__(
            self, rate: float, gain: float = 1.0, offset: Annotated[float | None, "in volts"] = None
        ) -> None:
            pass

    parser = argparse.ArgumentParser()
    DriverOptions(Driver).add_to(parser)
    text = " ".join(parser.format_help().split())
    assert "--rate FLOAT In samples per second, 100 % of them." in text
    assert "--gain FLOAT In dB. (default: 1.0)" in text
    assert "--offset FLOAT in volts" in text


def test_the_section_of_arguments_ends_where_the_text_is_not_indented_any_more() -> None:
    found = argument_descriptions("Do.\n\n  Args:\n    a: One.\n\n      Two.\n  Returns:\n    b: c")
    assert found == {"a": "One. Two."}


def port(port: int) -> None: ...
def positional(x: int, /) -> None: ...
def unannotated(x) -> None: ...  # type: ignore[no-untyped-def]
def odd(x: dict[str, int]) -> None: ...
def missing(x: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        (port, "parameter 'port' of port would be an option that every controller has already"),
        (positional, "'x' of positional cannot be given by its name"),
        (unannotated, "unannotated needs 'x', which has no annotation"),
        (odd, r"parameter 'x' of odd, which is annotated with dict\[str, int\]"),
        (missing, "the annotations of missing name 'Nowhere'"),
    ],
)
def test_what_cannot_become_an_option_is_explained(driver: Callable[..., Any], reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        DriverOptions(driver)
