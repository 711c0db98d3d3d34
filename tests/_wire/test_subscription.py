from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.subscription import BROADCAST, SYNC_STRUCT, Form
from sipyco._wire.subscription_client import SubscriberSession
from sipyco._wire.subscription_server import FramesChosen, PublisherSession, Refused, Subscribed

HELLO = b"ARTIQ sync_struct\nd\xc3\xa4ta set\n"


def events(data: bytes, cut: int, banner: bytes = SYNC_STRUCT) -> list[Any]:
    session = PublisherSession(banner)
    return [event for piece in (data[:cut], data[cut:]) for event in session.receive(piece)]


@pytest.mark.parametrize("cut", range(len(HELLO) + 1))
def test_the_name_is_read_wherever_it_is_cut(cut: int) -> None:
    assert events(HELLO, cut) == [Subscribed("däta set")]


def test_what_follows_the_name_is_not_read() -> None:
    session = PublisherSession(SYNC_STRUCT)
    assert session.receive(HELLO + b"ARTIQ\n\xff\n") == [Subscribed("däta set")]
    assert session.receive(b"more\nand more\n" * 100_000) == []
    assert session.receive(b"frames_v1\n") == []
    assert session.form is Form.LINE


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("cut", range(len(HELLO) + 10))
def test_frames_are_asked_for_after_the_name_wherever_it_is_cut(cut: int, end: bytes) -> None:
    assert events(HELLO + b"frames_v1" + end, cut) == [Subscribed("däta set"), FramesChosen()]


@pytest.mark.parametrize("said", [b"frames_v2\n", b"frames_v1 \n", b"\n", b"x" * 200_000 + b"\n"])
def test_another_line_after_the_name_asks_for_nothing(said: bytes) -> None:
    session = PublisherSession(SYNC_STRUCT)
    assert session.receive(HELLO + said + b"frames_v1\n") == [Subscribed("däta set")]
    assert session.form is Form.LINE


def test_lines_of_telnet_are_lines() -> None:
    assert events(b"ARTIQ broadcast\r\nchannel\r\n", 0, BROADCAST) == [Subscribed("channel")]


@pytest.mark.parametrize(
    "said",
    [
        b"X\n",
        b"ARTIQ broadcast\ndata\n",
        b"ARTIQ sync_struct \ndata\n",
        b"ARTIQ sync_struct\n\xff\n",
        b"x" * (3 * limits.MAX_HANDSHAKE_LINE_SIZE),
        b"x" * (limits.MAX_HANDSHAKE_LINE_SIZE + 1) + b"\n",
        b"ARTIQ sync_struct\n" + b"x" * (limits.MAX_HANDSHAKE_LINE_SIZE + 1) + b"\n",
    ],
)
def test_a_client_that_breaks_the_rules_is_refused_once(said: bytes) -> None:
    session = PublisherSession(SYNC_STRUCT)
    (event,) = session.receive(said)
    assert isinstance(event, Refused)
    assert session.receive(HELLO) == []


@given(st.binary())
def test_garbage_never_raises(data: bytes) -> None:
    PublisherSession(SYNC_STRUCT).receive(data)
    PublisherSession(SYNC_STRUCT).receive(SYNC_STRUCT + b"\n" + data)


def received(data: bytes, cut: int = 0, **options: Any) -> list[Any]:
    session = SubscriberSession(SYNC_STRUCT, "data", "peer:1", **options)
    return [value for piece in (data[:cut], data[cut:]) for value in session.receive(piece)]


def test_a_subscriber_says_banner_name_and_what_it_can_read() -> None:
    session = SubscriberSession(SYNC_STRUCT, "däta", "peer:1")
    assert session.connect() == "ARTIQ sync_struct\ndäta\nframes_v1\n".encode()


def test_a_name_that_is_two_lines_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="line break"):
        SubscriberSession(SYNC_STRUCT, "a\nb", "peer:1")


@pytest.mark.parametrize("syntax", ["python", "json"])
def test_values_are_read_in_both_spellings_at_every_cut(syntax: pyon.Syntax) -> None:
    values = [{"a": 1}, {"a": (1, 2), "b": None}, [True, {1: 2}], "ä\n"]
    data = "".join(pyon.encode(value, syntax=syntax) + "\n" for value in values).encode()
    for cut in range(len(data) + 1):
        assert received(data, cut) == values


def test_an_incomplete_value_waits() -> None:
    session = SubscriberSession(SYNC_STRUCT, "data", "peer:1")
    assert list(session.receive(b"12")) == []
    assert list(session.receive(b"3\n4")) == [123]
    assert list(session.receive(b"\n")) == [4]


def test_a_dict_with_a_special_key_is_a_dict_once_python_syntax_was_seen() -> None:
    special = b'{"__jsonclass__": ["tuple", [[1]]]}\n'
    assert received(special) == [(1,)]
    assert received(b"(1, )\n" + special) == [(1,), {"__jsonclass__": ["tuple", [[1]]]}]


def test_python_syntax_may_begin_like_a_special_value_that_does_not_exist() -> None:
    line = b'{"a": {"__jsonclass__": ["nothing", [1]]}, "b": (1, )}\n'
    assert received(line) == [{"a": {"__jsonclass__": ["nothing", [1]]}, "b": (1,)}]


@pytest.mark.parametrize(
    "line", [b"]", b"\xff", b"__import__('os')", b'{"__jsonclass__": ["nothing", [1]]}']
)
def test_a_line_that_cannot_be_read_is_told_with_the_peer(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="peer:1 sent a line that cannot be read"):
        received(line + b"\n")


def test_values_before_an_unreadable_line_are_not_lost() -> None:
    values = SubscriberSession(SYNC_STRUCT, "data", "peer:1").receive(b"1\n2\n]\n")
    assert [next(values), next(values)] == [1, 2]
    with pytest.raises(ProtocolError):
        next(values)


def test_a_value_over_the_limit_is_told_with_both_numbers() -> None:
    with pytest.raises(MessageTooLargeError) as raised:
        received(b'"123456789"\n', max_message_size=10)
    assert (raised.value.size, raised.value.limit) == (11, 10)
    assert received(b'"12345678"\n', max_message_size=10) == ["12345678"]
