"""Methods that give items one by one, and tell how far they are."""

import io
import json

import pytest

from sipyco._rpctool.progress import ProgressBar
from sipyco.sipyco_rpctool import main

HOST = "127.0.0.1"

Output = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(drawn: str) -> str:
    """Show what a terminal of one line would show."""
    cells: list[str] = []
    position = 0
    for character in drawn:
        if character == "\r":
            position = 0
            continue
        cells[position : position + 1] = [character]
        position += 1
    return "".join(cells).rstrip()


def test_items_are_printed_as_they_come(device: str, capsys: Output) -> None:
    assert main([HOST, device, "call", "count", "3"]) == 0
    assert capsys.readouterr() == ("None\n1\n2\n", "")


def test_json_has_a_line_for_each_item_and_one_for_the_end(device: str, capsys: Output) -> None:
    assert main([HOST, device, "call", "--json", "count", "2"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"item": None}, {"item": 1}, {"items": 2}]
    assert main([HOST, device, "--json", "call", "count", "1", "fail=True"]) == 1
    *items, failure = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert items == [{"item": None}]
    assert failure["error"]["message"] == "ValueError: no more film"


def test_a_failure_comes_after_the_items_before_it(device: str, capsys: Output) -> None:
    assert main([HOST, device, "call", "count", "2", "fail=True"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "None\n1\n"
    assert "no more film" in printed.err


def test_progress_is_shown_on_a_terminal_only_and_leaves_nothing(
    device: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([HOST, device, "call", "slow"]) == 0
    assert capsys.readouterr() == ("'done'\n", "")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert main([HOST, device, "call", "slow"]) == 0
    assert "[###############               ]  50% half" in terminal.getvalue()
    assert screen(terminal.getvalue()) == ""


@pytest.mark.parametrize(
    ("fraction", "text", "line"),
    [
        (None, "warming up", "warming up"),
        (0.0, "", "[                              ]   0%"),
        (1.0, "done", "[##############################] 100% done"),
        (7.0, "x", "[##############################] 100% x"),
        (float("nan"), "x", "[                              ]   0% x"),
        (0.5, "a\x1b[2J\nb", r"[###############               ]  50% a\x1b[2J\nb"),
    ],
)
def test_a_bar_fits_what_it_is_told(fraction: float | None, text: str, line: str) -> None:
    terminal = Terminal()
    bar = ProgressBar(terminal)
    bar.show(0.3, "a long text that was there before " * 9)
    assert len(screen(terminal.getvalue())) < 80
    bar.show(fraction, text)
    assert screen(terminal.getvalue()) == line
    bar.clear()
    assert screen(terminal.getvalue()) == ""
