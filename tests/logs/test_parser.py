import asyncio
import logging
import sys
import uuid
from typing import Any

import pytest

from sipyco.logs import LogParser, log_with_name, parse_log_message
from tests.event_loops import LoopFactory, every_loop
from tests.logs.support import collected

CHILD = """
import logging, sys
from sipyco.logs import multiline_log_config
multiline_log_config(logging.TRACE)
logger = logging.getLogger("child.lg")
logger.warning("two\\nlines")
sys.stderr.buffer.write(b"INFO:child.lg:" + b"x" * 200_000 + b"\\n")
sys.stderr.buffer.write(b"DEBUG:child.lg:\\xff\\n")
sys.stderr.flush()
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("failed")
sys.stderr.write("ERROR:child.lg:without an end")
"""


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("ERROR:dev.lg:with: colons", (40, "dev.lg", "with: colons")),
        ("WARN:n:m", (30, "n", "m")),
        ("TRACE:n:", (5, "n", "")),
        ("WARNING<2>:n:two\nlines", (30, "n", "two\nlines")),
        ("hello", (20, "print", "hello")),
        ("NOTICE:n:m", (20, "print", "NOTICE:n:m")),
        ("", (20, "print", "")),
    ],
)
def test_a_printed_line_is_an_entry_or_printed_text(
    line: str, parsed: tuple[int, str, str]
) -> None:
    assert parse_log_message(line) == parsed


def test_logging_under_a_name_is_logging_by_the_logger_of_that_name() -> None:
    with collected("named") as handler:
        logging.getLogger("named.quiet").setLevel(logging.ERROR)
        log_with_name("named", logging.INFO, "%d%%", 5, extra={"source": "there"})
        log_with_name("named.quiet", logging.INFO, "not this")
        log_with_name("named.quiet.below", logging.INFO, "nor this")
        log_with_name("named.other", logging.INFO, "100%")
    first, second = handler.records
    assert (first.name, first.levelno, first.getMessage()) == ("named", logging.INFO, "5%")
    assert (first.source, first.filename) == ("there", "test_parser.py")  # type: ignore[attr-defined]
    assert (second.name, second.getMessage()) == ("named.other", "100%")


def test_the_root_logger_goes_by_its_own_name_and_by_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_with_name("root", logging.WARNING, "a")
    log_with_name("", logging.WARNING, "b")
    assert [entry[0] for entry in caplog.record_tuples] == ["root", "root"]


def test_names_from_elsewhere_are_not_remembered_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = f"stranger.{uuid.uuid4()}"
    log_with_name(name, logging.WARNING, "seen")
    assert caplog.record_tuples == [(name, logging.WARNING, "seen")]
    assert name not in logging.Logger.manager.loggerDict


def test_lines_of_an_entry_are_collected_and_the_source_is_asked_for() -> None:
    sources = iter(["first", "second"])
    parser = LogParser(lambda: next(sources))
    with collected("lines") as handler:
        parser.line_input("WARNING<2>:lines:two")
        assert handler.records == []
        parser.line_input("lines\n")
        parser.line_input("DEBUG:lines:100%")
    assert [(r.levelname, r.getMessage(), r.source) for r in handler.records] == [  # type: ignore[attr-defined]
        ("WARNING", "two\nlines", "first"),
        ("DEBUG", "100%", "second"),
    ]


@every_loop
def test_what_a_child_prints_is_logged_until_it_ends(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, stderr=asyncio.subprocess.PIPE
        )
        assert child.stderr is not None
        await LogParser(lambda: "child(1)").stream_task(child.stderr)
        assert await child.wait() == 0

    with collected("child.lg") as handler, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    warning, long, escaped, failure, last = handler.records
    assert {r.source for r in handler.records} == {"child(1)"}  # type: ignore[attr-defined]
    assert (warning.levelno, warning.getMessage()) == (logging.WARNING, "two\nlines")
    assert long.getMessage() == "x" * 200_000
    assert (escaped.levelno, escaped.getMessage()) == (logging.DEBUG, "\\xff")
    assert failure.getMessage().startswith("failed\nTraceback")
    assert failure.getMessage().endswith("ZeroDivisionError: division by zero")
    assert last.getMessage() == "without an end"


def test_streams_that_are_read_at_once_do_not_mix() -> None:
    async def main() -> None:
        parser = LogParser(lambda: "s")
        streams = [asyncio.StreamReader() for _ in range(2)]
        tasks = [asyncio.create_task(parser.stream_task(stream)) for stream in streams]
        for piece in (b"INFO<3>:mix:a", b"\nb\n", b"c\n"):
            for stream in streams:
                stream.feed_data(piece)
                await asyncio.sleep(0)
        for stream in streams:
            stream.feed_eof()
        await asyncio.gather(*tasks)

    with collected("mix") as handler:
        asyncio.run(main())
    assert handler.messages() == ["a\nb\nc"] * 2


def test_a_stream_that_breaks_is_read_up_to_there() -> None:
    async def main() -> None:
        stream = asyncio.StreamReader()
        task = asyncio.create_task(LogParser(lambda: "s").stream_task(stream))
        stream.feed_data(b"INFO<2>:broken:begun")
        await asyncio.sleep(0)
        stream.set_exception(BrokenPipeError())
        await task

    with collected("broken") as handler:
        asyncio.run(main())
    assert handler.messages() == ["begun"]


def test_what_was_begun_is_logged_when_reading_is_cancelled() -> None:
    async def main() -> None:
        stream = asyncio.StreamReader()
        task = asyncio.create_task(LogParser(lambda: "s").stream_task(stream))
        stream.feed_data(b"INFO<2>:cancelled:begun\n")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    with collected("cancelled") as handler:
        asyncio.run(main())
    assert handler.messages() == ["begun"]


def test_a_name_of_very_many_parts_is_found_at_once() -> None:
    with collected("dev.lg") as handler:
        LogParser(lambda: "src").line_input(f"INFO:dev.lg.{'.' * 200_000}:far")
        LogParser(lambda: "src").line_input("INFO:dev.lg.a.b:near")
    # Levels and handlers of loggers that are a hundred levels above do not count.
    assert handler.messages() == ["near"]


def test_a_source_that_records_get_when_they_are_made_does_not_disturb() -> None:
    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = before(*args, **kwargs)
        made.source = "here"
        return made

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(make)
    try:
        with collected("dev.lg") as handler:
            LogParser(lambda: "src").line_input("INFO:dev.lg:100% there")
    finally:
        logging.setLogRecordFactory(before)
    (record,) = handler.records
    assert (vars(record)["source"], record.getMessage()) == ("src", "100% there")
