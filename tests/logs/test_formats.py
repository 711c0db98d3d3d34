import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sipyco.logs import MultilineFormatter, SourceFilter, multiline_log_config, parse_log_message
from tests.logs.support import record


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    level, handlers = logger.level, logger.handlers[:]
    yield logger
    logger.setLevel(level)
    logger.handlers[:] = handlers


def test_the_level_trace_exists_once_the_module_is_imported() -> None:
    program = "import logging, sipyco.logs; print(logging.TRACE, logging.getLevelName(5))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout.split() == [b"5", b"TRACE"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "INFO:dev.lg:hello"),
        ({"msg": "two\nlines"}, "INFO<2>:dev.lg:two\nlines"),
        ({"msg": "ends\n"}, "INFO<2>:dev.lg:ends\n"),
        ({"msg": "%d: %s", "args": (1, "a")}, "INFO:dev.lg:1: a"),
        ({"levelno": 25}, "INFO:dev.lg:hello"),
        ({"levelno": 5}, "TRACE:dev.lg:hello"),
        ({"name": "a:b"}, "INFO:a\\x3ab:hello"),
    ],
)
def test_records_are_written_as_the_manual_says(values: dict[str, Any], text: str) -> None:
    assert MultilineFormatter().format(record(**values)) == text


def test_the_lines_of_a_traceback_count() -> None:
    text = ""
    try:
        exec("raise ValueError('a\\nb')")
    except ValueError:
        text = MultilineFormatter().format(record(exc_info=sys.exc_info(), stack_info="stack\nof"))
    header, _, rest = text.partition(":")
    assert header == f"INFO<{len(text.splitlines())}>"
    assert rest.startswith("dev.lg:hello\nTraceback (most recent call last):\n")
    assert rest.endswith("ValueError: a\nb\nstack\nof")
    assert parse_log_message(text)[2].endswith("stack\nof")


def test_the_root_logger_writes_to_standard_error_once(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    multiline_log_config(logging.WARNING)
    multiline_log_config(logging.INFO)
    logging.getLogger("dev").info("two\nlines")
    logging.getLogger("dev").debug("not this")
    assert capsys.readouterr() == ("", "INFO<2>:dev:two\nlines\n")


def test_own_records_get_a_source_and_pass_from_a_level_on() -> None:
    judge = SourceFilter(logging.WARNING, "here")
    warning, info = (logging.makeLogRecord({"levelno": level}) for level in (30, 20))
    assert judge.filter(warning)
    assert not judge.filter(info)
    assert warning.source == info.source == "here"  # type: ignore[attr-defined]


def test_records_from_elsewhere_pass() -> None:
    remote = record(level=logging.DEBUG, source="there")
    assert SourceFilter(logging.WARNING, "here").filter(remote)
    assert remote.source == "there"  # type: ignore[attr-defined]


def test_a_record_stays_an_own_one_for_the_filters_of_further_handlers() -> None:
    own = logging.makeLogRecord({"levelno": logging.INFO})
    assert SourceFilter(logging.DEBUG, "here").filter(own)
    assert not SourceFilter(logging.WARNING, "here").filter(own)
