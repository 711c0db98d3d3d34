"""Lines come out whole, however the stream was cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sipyco._wire.framing import MIN_HANDED_OVER, Line, LineReader, LineWriter, TooLong

LIMIT = 5


def read_all(reader: LineReader, pieces: list[bytes]) -> list[Line | TooLong]:
    lines = []
    for piece in pieces:
        reader.feed(piece)
        while (line := reader.next_line()) is not None:
            lines.append(line)
    return lines


@given(st.lists(st.binary(max_size=12)), st.data())
def test_any_cut_of_the_stream_gives_the_same_lines(
    raw_lines: list[bytes], data: st.DataObject
) -> None:
    sent = [line.replace(b"\n", b"?") for line in raw_lines]
    stream = b"".join(line + b"\n" for line in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    edges = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    expected = [line if len(line) <= LIMIT else TooLong(len(line)) for line in sent]
    assert read_all(LineReader(LIMIT), pieces) == expected


def test_the_end_of_a_line_is_not_searched_for_twice() -> None:
    reader = LineReader(1 << 30)
    # A search from the start after each piece would make 10^10 comparisons of this.
    for _ in range(10_000):
        reader.feed(b"x" * 1000)
        assert reader.next_line() is None
    reader.feed(b"\n")
    line = reader.next_line()
    assert isinstance(line, bytearray)
    assert len(line) == 10_000_000


def test_a_line_over_the_limit_is_counted_but_not_kept() -> None:
    reader = LineReader(10)
    for _ in range(1000):
        reader.feed(b"x" * 1000)
        assert reader.next_line() is None
        assert len(reader._buffer) <= 1000
    reader.feed(b"\nnext\n")
    assert reader.next_line() == TooLong(1_000_000)
    assert reader.next_line() == b"next"


def test_the_limit_may_change_between_lines() -> None:
    reader = LineReader(3)
    reader.feed(b"abc\nabcdef\n")
    assert reader.next_line() == b"abc"
    reader.limit = 6
    assert reader.next_line() == b"abcdef"


def test_a_large_line_after_which_nothing_follows_is_given_away() -> None:
    reader = LineReader(1 << 30)
    large = b"x" * (MIN_HANDED_OVER + 1)
    reader.feed(large + b"\n")
    given = reader.next_line()
    assert isinstance(given, bytearray)
    reader.feed(b"y" * len(large) + b"\nz\n")
    assert given == large
    assert reader.next_line() == b"y" * len(large)
    assert reader.next_line() == b"z"
    assert reader.next_line() is None


def taken(writer: LineWriter, size: int) -> bytes:
    return b"".join(writer.take(size))


@given(st.lists(st.lists(st.binary(max_size=9), min_size=1)), st.integers(1, 30))
def test_lines_are_taken_in_their_order_in_pieces_of_any_size(
    lines: list[list[bytes]], size: int
) -> None:
    writer = LineWriter()
    for number, line in enumerate(lines):
        writer.put(number, *line)
    found = b""
    while not writer.is_empty:
        piece = taken(writer, size)
        assert len(piece) <= size
        found += piece
    assert found == b"".join(b"".join(line) for line in lines)


def test_a_line_that_was_begun_is_not_withdrawn() -> None:
    writer = LineWriter()
    writer.put(1, b"begun", b" and more\n")
    writer.put(2, b"second\n")
    writer.put(3, b"third\n")
    assert taken(writer, 5) == b"begun"
    assert not writer.withdraw(1)
    assert writer.withdraw(2)
    assert not writer.withdraw(2)
    assert taken(writer, 100) == b" and more\nthird\n"
    assert not writer.withdraw(3)
    assert writer.is_empty
