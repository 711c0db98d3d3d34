import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipyco._wire.log_entries import (
    BANNER,
    LEVELS,
    MAX_ENTRY_LINES,
    LogEntry,
    LogReader,
    LogServerSession,
    LogServerState,
    Refused,
    encode_entry,
    level_name,
    parse_line,
    spell,
)

characters = st.characters(codec="utf-8")
names = st.text(characters, max_size=8) | st.text("\\x35ac0d:\n\r", max_size=12)
messages = st.text(st.sampled_from("a:\n\r\\é\U0001f600<2>"), max_size=12) | st.text(characters)
entries = st.builds(
    LogEntry, st.sampled_from(sorted(set(LEVELS.values()))), names, messages, source=names
)


def read(data: bytes, cut: int, **options: object) -> list[LogEntry]:
    reader = LogReader(**options)  # type: ignore[arg-type]  # of the strategies
    return reader.feed(data[:cut]) + reader.feed(data[cut:]) + reader.end()


def escaped(name: str) -> str:
    return spell(20, name, "").removeprefix("INFO:").removesuffix(":")


@given(st.lists(entries, max_size=4))
def test_entries_come_back_as_they_were_at_every_cut(sent: list[LogEntry]) -> None:
    data = b"".join(encode_entry(entry) for entry in sent)
    expected = [
        LogEntry(entry.level, escaped(entry.name), entry.message, escaped(entry.source or ""))
        for entry in sent
    ]
    for cut in range(len(data) + 1):
        assert read(data, cut, with_source=True, strip=False) == expected


@given(names)
def test_an_escaped_name_has_no_colon_and_no_line_break_and_can_be_told_from_all_others(
    name: str,
) -> None:
    text = escaped(name)
    assert not set(text) & set(":\r\n")
    undone = re.sub(r"\\x(3a|0a|0d|5c)", lambda match: chr(int(match[1], 16)), text)
    assert undone == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dev.lda", "dev.lda"),
        ("USB VID:PID", "USB VID\\x3aPID"),
        ("two\nlines\r", "two\\x0alines\\x0d"),
        ("DOMAIN\\host", "DOMAIN\\host"),
        ("\\x3a", "\\x5cx3a"),
        ("\\x5c", "\\x5cx5c"),
        ("\\\\x3a", "\\\\x5cx3a"),
        ("\\:", "\\\\x3a"),
    ],
)
def test_a_name_is_escaped_only_where_it_would_break_the_format(name: str, text: str) -> None:
    assert escaped(name) == text


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (0, "TRACE"),
        (1, "TRACE"),
        (5, "TRACE"),
        (9, "TRACE"),
        (10, "DEBUG"),
        (25, "INFO"),
        (30, "WARNING"),
        (39, "WARNING"),
        (40, "ERROR"),
        (1000, "CRITICAL"),
    ],
)
def test_a_level_without_a_name_has_that_of_the_next_below(level: int, name: str) -> None:
    assert level_name(level) == name


def test_an_entry_that_cannot_be_utf8_is_sent_all_the_same() -> None:
    assert encode_entry(LogEntry(20, "n", "\udc80", "s")) == b"s:INFO:n:\\udc80\n"


@pytest.mark.parametrize(
    "line",
    ["", "hello", "INFO", "INFO:name", "info:name:text", "NOTICE:n:m", "INFO<x>:n:m", "INFO<>:n:m"],
)
def test_what_is_no_entry_is_printed_text(line: str) -> None:
    assert parse_line(line) is None
    assert read(f"{line}\n".encode(), 0) == [LogEntry(20, "print", line)]


def test_a_line_from_the_network_without_a_source_is_kept_whole() -> None:
    for line in ("hello", "INFO:name:text", "src:hello", "src:NOTICE:n:m"):
        assert read(f"{line}\n".encode(), 0, with_source=True) == [LogEntry(20, "print", line)]


def test_lines_that_an_entry_announces_belong_to_it_whatever_they_look_like() -> None:
    assert read(b"ERROR<3>:n:a\nERROR:n:b\n\nINFO:n:c\n", 0) == [
        LogEntry(40, "n", "a\nERROR:n:b\n"),
        LogEntry(20, "n", "c"),
    ]


def test_an_entry_that_announces_no_lines_has_one() -> None:
    assert read(b"ERROR<0>:n:a\nWARN<1>:n:b\n", 0) == [
        LogEntry(40, "n", "a"),
        LogEntry(30, "n", "b"),
    ]


def test_an_incredible_number_of_lines_is_not_believed() -> None:
    for claim in (MAX_ENTRY_LINES + 1, 999_999_999):
        (entry,) = LogReader().feed(f"INFO<{claim}>:n:m\n".encode())
        assert entry == LogEntry(20, "n", "m")
    assert LogReader().feed(f"INFO<{MAX_ENTRY_LINES}>:n:m\n".encode()) == []
    # More digits than Python wants to read.
    for digits in (10, 5000):
        (entry,) = LogReader().feed(b"INFO<" + b"9" * digits + b">:n:m\n")
        assert entry == LogEntry(20, "n", "m")


def test_the_end_completes_what_was_begun() -> None:
    assert read(b"INFO<3>:n:a\nb\n", 0) == [LogEntry(20, "n", "a\nb")]
    assert read(b"INFO<3>:n:a\nb", 0) == [LogEntry(20, "n", "a\nb")]
    assert read(b"INFO:n:a", 0) == [LogEntry(20, "n", "a")]
    assert read(b"", 0) == []
    reader = LogReader()
    reader.feed(b"INFO<3>:n:a\n")
    reader.end()
    assert reader.feed(b"DEBUG:n:b\n") == [LogEntry(10, "n", "b")]


@given(st.binary(max_size=40), st.integers(1, 9))
def test_bytes_mean_the_same_at_every_cut(data: bytes, limit: int) -> None:
    for with_source in (False, True):
        whole = read(data, 0, with_source=with_source, limit=limit)
        for cut in range(1, len(data)):
            assert read(data, cut, with_source=with_source, limit=limit) == whole


@given(messages, st.integers(4, 9))
def test_an_entry_over_the_limit_is_given_out_in_parts(message: str, limit: int) -> None:
    data = encode_entry(LogEntry(40, "n", message, "s"))
    header = data.index(b"n:") + 2
    parts = read(data, 0, with_source=True, strip=False, limit=header + limit)
    assert {(part.level, part.name, part.source) for part in parts} == {(40, "n", "s")}
    # Where an entry was parted at the end of a line, that line break is the end of the part.
    assert "".join(part.message for part in parts).replace("\n", "") == message.replace("\n", "")
    assert all(len(part.message.encode()) <= 2 * (header + limit) for part in parts)


def test_a_character_is_not_cut_in_two() -> None:
    data = "\U0001f600".encode() * 10
    for limit in range(4, 12):
        parts = read(data, 0, limit=limit)
        assert {character for part in parts for character in part.message} == {"\U0001f600"}


def test_what_is_not_utf8_is_shown() -> None:
    assert read(b"INFO:n:\xff\xc3\n", 0) == [LogEntry(20, "n", "\\xff\\xc3")]


def test_memory_does_not_grow_with_what_is_announced_or_never_ended() -> None:
    reader = LogReader(with_source=True, limit=1000)
    reader.feed(b"s:INFO<99999>:n:m\n")
    for _ in range(1000):
        reader.feed(b"\n" * 100)
        assert len(reader._collected) <= 1001
    for _ in range(1000):
        reader.feed(b"x" * 100)
        assert len(reader._buffer) <= 1000


def test_lines_of_windows_lose_their_carriage_return() -> None:
    assert read(b"INFO<2>:n:a\r\nb\r\n10%\r20%\r\n", 0) == [
        LogEntry(20, "n", "a\nb"),
        LogEntry(20, "print", "10%\r20%"),
    ]


def test_a_server_reads_a_banner_and_then_entries_at_every_cut() -> None:
    stream = BANNER + b"\ns:INFO:n:a\r\ns:INFO<2>:n:b\nc"
    for cut in range(len(stream) + 1):
        session = LogServerSession()
        found: list[LogEntry] = []
        for data in (stream[:cut], stream[cut:]):
            received = session.receive(data)
            assert isinstance(received, list)
            found += received
        assert session.state is LogServerState.READY
        found += session.receive_end()
        assert found == [LogEntry(20, "n", "a\r", "s"), LogEntry(20, "n", "b\nc", "s")]


def test_a_client_whose_lines_end_as_on_windows_is_read() -> None:
    session = LogServerSession()
    assert session.receive(BANNER + b"\r\ns:INFO:n:a\r\n") == [LogEntry(20, "n", "a", "s")]


@pytest.mark.parametrize(
    "start", [b"ARTIQ pc_rpc\n", b"\n", b"ARTIQ logging \n", b"\x16\x03\x01" * 9, b"x" * 99999]
)
def test_another_banner_is_refused(start: bytes) -> None:
    session = LogServerSession()
    refused = session.receive(start)
    assert isinstance(refused, Refused)
    assert "ARTIQ logging" in refused.reason
    assert len(refused.reason) < 400
    assert session.receive(b"s:INFO:n:a\n") == []
    assert session.receive_end() == []
