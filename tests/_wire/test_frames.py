import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipyco import pyon
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.frame_reader import FrameReader, Message
from sipyco._wire.frames import HEADER, FrameWriter
from sipyco._wire.limits import MAX_FRAME_SIZE, MAX_OPEN_MESSAGES, STAGING_SIZE
from sipyco.pyon._codec import pack
from tests.pyon.same import same
from tests.pyon.strategies import values

LIMIT = 1 << 20

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "protocol" / "frames.md"

quick = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


def stream(*messages: tuple[int, int, Any], size: int = 1 << 30) -> bytes:
    """Spell messages, which are taken from the writer in batches of about so many bytes."""
    writer = FrameWriter()
    for kind, request, value in messages:
        writer.put(kind, request, *pack(value))
    taken: list[bytes | memoryview] = []
    while not writer.is_empty:
        taken += writer.take(size)
    return b"".join(taken)


def read(data: bytes, limit: int = LIMIT) -> list[Message]:
    return FrameReader(limit).feed(data)


def frame(
    kind: int, request: int, payload: bytes, *, flags: int = 0, count: int = 0, size: int = -1
) -> bytes:
    header = HEADER.pack(kind, flags, count, request, len(payload) if size < 0 else size)
    return header + payload


@pytest.fixture(params=[1, 7, 1 << 20])
def frame_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sipyco._wire.frames.MAX_FRAME_SIZE", request.param)
    monkeypatch.setattr("sipyco.pyon._packed.MAX_INLINE_SIZE", 4)
    return int(request.param)


@given(sent=st.lists(st.tuples(st.integers(1, 200), st.integers(0, 3), values), max_size=5))
@quick
def test_messages_come_as_they_were_in_the_order_of_their_request(
    sent: list[tuple[int, int, Any]], frame_size: int
) -> None:
    received = read(stream(*sent, size=20))
    assert len(received) == len(sent)
    for request in range(4):
        wanted = [message for message in sent if message[1] == request]
        got = [message for message in received if message.request == request]
        assert [message.kind for message in got] == [kind for kind, _, _ in wanted]
        for message, (_, _, value) in zip(got, wanted, strict=True):
            assert message.error is None
            assert same(message.value, value)


def test_a_stream_may_be_cut_anywhere(frame_size: int) -> None:
    arrays = [np.arange(20), {"a": np.arange(9.0), "b": (np.zeros(0), np.arange(3))}]
    data = stream((1, 1, arrays[0]), (2, 2, arrays[1]), (3, 1, "end"), size=1)
    whole = read(data)
    assert len(whole) == 3
    for cut in range(len(data)):
        reader = FrameReader(LIMIT)
        received = reader.feed(data[:cut]) + reader.feed(data[cut:])
        for message, other in zip(received, whole, strict=True):
            assert (message.kind, message.request) == (other.kind, other.request)
            assert same(message.value, other.value)


def test_a_stream_may_come_byte_by_byte(frame_size: int) -> None:
    data = stream((1, 1, np.arange(20)), (2, 2, "x" * 20), (3, 1, None), size=1)
    reader = FrameReader(LIMIT)
    received = [message for byte in data for message in reader.feed(bytes([byte]))]
    assert [message.kind for message in received] == [message.kind for message in read(data)]


def test_data_are_received_where_they_stay() -> None:
    image = np.random.default_rng(1).integers(0, 1000, 3 << 20, np.uint16)
    data = memoryview(stream((1, 5, image)))
    reader = FrameReader(1 << 30)
    messages: list[Message] = []
    copied = 0
    while data:
        space = reader.buffer()
        count = min(len(space), len(data))
        copied += count if len(space) <= STAGING_SIZE else 0
        space[:count] = data[:count]
        messages += reader.received(count)
        data = data[count:]
    (message,) = messages
    assert np.array_equal(message.value, image)
    assert message.value.flags.owndata
    assert copied < 0.1 * image.nbytes


def test_small_messages_do_not_wait_for_large_ones() -> None:
    writer = FrameWriter()
    writer.put(1, 1, *pack(np.zeros(100 << 20, np.uint8)))
    writer.take(1 << 20)
    writer.put(2, 2, *pack("small"))
    assert any(bytes(part).startswith(b"\x02") for part in writer.take(2 << 20)[::2])


def test_no_more_messages_are_begun_at_a_time_than_a_reader_allows() -> None:
    count = 3 * MAX_OPEN_MESSAGES
    large = np.zeros(MAX_FRAME_SIZE + 1, np.uint8)
    data = stream(*[(1, number, large) for number in range(count)], size=1)
    assert len(read(data, 4 << 20)) == count


def test_what_was_begun_is_sent_to_its_end_and_the_rest_can_be_withdrawn() -> None:
    writer = FrameWriter()
    writer.put(1, 1, *pack(np.zeros(3 << 20, np.uint8)))
    data = b"".join(writer.take(1))
    writer.put(2, 1, *pack("not this"))
    writer.put(3, 2, *pack("nor this"))
    writer.put(4, 3, *pack("this"))
    assert not writer.withdraw(1)
    assert writer.withdraw(2)
    assert not writer.withdraw(2)
    while not writer.is_empty:
        data += b"".join(writer.take(1 << 20))
    assert [message.kind for message in read(data, 4 << 20)] == [4, 1]


def test_a_message_over_the_limit_is_told_and_what_follows_is_read() -> None:
    array = np.zeros(LIMIT, np.uint8)
    data = stream(
        (1, 1, array), (2, 2, "x" * LIMIT), (3, 3, [array[:9000], "x" * LIMIT]), (4, 4, 5)
    )
    too_large = read(data)
    errors = {message.request: message.error for message in too_large if message.error}
    assert {number: type(error) for number, error in errors.items()} == dict.fromkeys(
        (1, 2, 3), MessageTooLargeError
    )
    assert [message.value for message in too_large if message.request == 4] == [5]
    assert isinstance(errors[1], MessageTooLargeError)
    assert (errors[1].size > LIMIT, errors[1].limit) == (True, LIMIT)


def test_a_message_that_cannot_be_read_is_told_and_what_follows_is_read() -> None:
    sizes = (3).to_bytes(8, "little")
    data = frame(1, 1, sizes + b"\xc1", count=1) + frame(0, 1, b"abc") + stream((2, 2, 5))
    bad, good = read(data)
    assert isinstance(bad.error, pyon.DecodeError)
    assert good.value == 5


@pytest.mark.parametrize(
    "data",
    [
        frame(0, 1, b"x"),
        frame(1, 1, b"", size=(1 << 20) + 1),
        frame(1, 1, b"\xc0", flags=2),
        frame(1, 1, b"\xc0", count=1001),
        frame(1, 1, b"\xc0", count=1),
        frame(1, 1, b"\x91", flags=1) + frame(2, 1, b"\xc0"),
        frame(1, 1, (5).to_bytes(8, "little") + b"\xc1", count=1) + frame(0, 1, b"123456"),
        frame(1, 1, (5).to_bytes(8, "little") + b"\xc1", count=1) + frame(1, 1, b""),
        frame(1, 1, (5).to_bytes(8, "little") + b"\xc1", count=1) + frame(0, 1, b""),
        stream((1, 1, np.zeros(5000, np.uint8))) + frame(0, 1, b"x"),
        b"".join(frame(1, number, b"\x91", flags=1) for number in range(65)),
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_who_breaks_the_rules_is_told_at_every_cut(data: bytes) -> None:
    for cut in (0, 1, 5, len(data) - 1):
        reader = FrameReader(LIMIT)
        with pytest.raises(ProtocolError):
            _ = reader.feed(data[:cut]) + reader.feed(data[cut:])


@given(data=st.binary(max_size=60))
@settings(quick, max_examples=500)
def test_garbage_is_read_or_refused(data: bytes) -> None:
    read_or_refused(data)


@given(value=values, data=st.data())
@quick
def test_spoilt_streams_are_read_or_refused(
    value: Any, data: st.DataObject, frame_size: int
) -> None:
    sent = stream((1, 1, value), (2, 2, [value]), size=10)
    at = data.draw(st.integers(0, len(sent)))
    read_or_refused(sent[:at] + data.draw(st.binary(min_size=1, max_size=3)) + sent[at:])


def read_or_refused(data: bytes) -> None:
    try:
        messages = read(data, 10_000)
    except ProtocolError:
        return
    for message in messages:
        assert message.error is None or isinstance(
            message.error, MessageTooLargeError | pyon.DecodeError
        )


def test_of_very_many_arrays_the_last_are_copied_into_the_message() -> None:
    value = [np.full(5000, number % 256, np.uint8) for number in range(1003)]
    head, buffers = pack(value)
    assert len(buffers) == 1000
    assert len(head) > 3 * 5000
    (message,) = read(stream((1, 1, value)), 1 << 30)
    assert same(message.value, value)


def test_the_bytes_are_those_of_the_page() -> None:
    page = PAGE.read_text("utf-8")
    examples = re.findall(r"^\| `(.+)` \| `([0-9a-f ]+)` \|$", page, re.MULTILINE)
    assert len(examples) == 14
    for text, written in examples:
        value = eval(text, {"np": np})
        assert (text, pack(value)) == (text, (bytes.fromhex(written), []))
    told = re.search(r"request 7 is `([0-9a-f ]+)`", page)
    assert told
    assert stream((1, 7, 5)) == bytes.fromhex(told[1])
