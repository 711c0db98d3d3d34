"""What controllers print: logged, remembered, bounded."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndsp.manager._output import BURST, COST, LONGEST_LINE, Output


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@given(st.lists(st.integers(1, 40), max_size=20))
def test_lines_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    data = b"INFO:dev:one\nplain\nWARNING<2>:dev:two\nlines\n\nlast"
    output = Output("lda")
    with_log: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: with_log.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    try:
        begin = 0
        for cut in (*cuts, len(data)):
            output.feed(1, data[begin : begin + cut])
            begin += cut
        output.end()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert with_log == ["one", "plain", "two\nlines", "", "last"]
    assert list(output.tail) == data.decode().split("\n")


def test_entries_carry_the_controller_as_their_source(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    output = Output("lda")
    output.feed(2, b"WARNING:lab.lda:the lamp is hot\nprinted\n")
    first, second = caplog.records
    assert (first.name, first.levelname, first.source) == ("lab.lda", "WARNING", "lda")  # type: ignore[attr-defined]
    assert (second.name, second.levelname) == ("print", "INFO")


def test_lines_of_two_streams_do_not_mix(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    output = Output("lda")
    output.feed(1, b"from ")
    output.feed(2, b"error\n")
    output.feed(1, b"output\n")
    assert messages(caplog) == ["error", "from output"]


def test_what_is_no_text_is_shown_as_escapes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Output("lda").feed(1, b"\xff\xfe ok\r\n")
    assert messages(caplog) == ["\\xff\\xfe ok"]


def test_a_line_without_end_is_logged_in_parts(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    caplog.set_level(logging.INFO)
    output = Output("lda", clock)
    for _ in range(5):
        output.feed(1, b"x" * LONGEST_LINE)
    assert len(messages(caplog)) == 2
    assert {len(text) for text in messages(caplog)} == {2 * LONGEST_LINE}


def test_an_entry_whose_last_lines_do_not_come_is_logged_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    output = Output("lda")
    output.feed(2, b"ERROR<5>:dev:the lamp\nhas")
    output.end()
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "the lamp\nhas")


@pytest.mark.parametrize("line", [b"y" * 999 + b"\n", b"\n", b"y\n"])
def test_more_than_can_be_borne_is_counted_and_left_out(
    line: bytes, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    caplog.set_level(logging.INFO)
    output = Output("lda", clock)
    piece = line * (65536 // len(line))
    number = 8 * BURST // len(piece)
    for _ in range(number):
        output.feed(1, piece)
    kept = len(messages(caplog)) - 1
    assert kept * (len(line) - 1 + COST) <= BURST + len(line) + COST
    assert messages(caplog)[-1].startswith("it prints too much")
    clock.now = 0.5
    output.feed(1, b"not yet\n")
    assert len(messages(caplog)) == kept + 1
    clock.now = 3.0
    output.feed(1, b"now\n")
    counted, last = messages(caplog)[kept + 1 :]
    missing = number * len(piece) - kept * len(line) + len("not yet\n")
    assert counted == f"it has printed {missing} bytes that are not in the log"
    assert last == "now"
    assert output.tail[-1] == "now"


def test_a_line_that_was_begun_while_all_was_left_out_is_left_out(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    caplog.set_level(logging.INFO)
    output = Output("lda", clock)
    for _ in range(BURST // 1000 + 2):
        output.feed(1, b"y" * 999 + b"\n")
    output.feed(1, b"the beginning ")
    clock.now = 60.0
    output.feed(1, b"and the end\nwhole\n")
    assert messages(caplog)[-1] == "whole"
    assert "and the end" not in messages(caplog)


def test_the_last_lines_are_known_although_they_were_left_out(clock: Clock) -> None:
    output = Output("lda", clock)
    for number in range(2 * BURST // 100):
        output.feed(1, b"y" * 99 + b"\n")
        output.feed(2, f"{number}\n".encode())
    assert output.tail[-1] == str(2 * BURST // 100 - 1)
    assert len(output.tail) == 20
