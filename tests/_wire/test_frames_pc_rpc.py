"""The conversation that the protocol page shows, byte for byte, and what breaks its rules."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipyco._wire import rpc_protocol as words
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.frames import HEADER, FrameWriter
from sipyco._wire.rpc_client import (
    CallOptions,
    ClientSession,
    ClientState,
    Ended,
    Event,
    Failed,
    Item,
    Progressed,
    Returned,
    StreamBegun,
)
from sipyco._wire.rpc_protocol import Spelled
from sipyco._wire.rpc_server import (
    BadRequest,
    Call,
    Cancelled,
    Credit,
    MethodListAsked,
    Refused,
    ServerSession,
    StatusAsked,
    TargetChosen,
)
from sipyco.pyon._codec import pack

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "protocol" / "frames_pc_rpc.md"

BANNER = b"ARTIQ pc_rpc\n"


def conversation() -> list[tuple[str, bytes]]:
    """Read the page: who says what, in turn."""
    section = PAGE.read_text(encoding="utf-8").split("## One conversation")[1]
    block = re.findall(r"```text\n(.*?)```", section, re.DOTALL)[0]
    said: list[tuple[str, bytes]] = []
    for line in block.splitlines():
        if not line.startswith("    "):
            who, text = line[0], line[3:]
            is_text = len(said) < 3
            said.append((who, text.encode() + b"\n" if is_text else b""))
        else:
            who, data = said[-1]
            said[-1] = who, data + bytes.fromhex(line)
    return said


def said_by(who: str) -> bytes:
    return b"".join(data for speaker, data in conversation() if speaker == who)


def sent(session: ClientSession | ServerSession) -> bytes:
    said = b""
    while parts := session.take(1 << 20):
        said += b"".join(parts)
    return said


class Lamp:
    """Answers the events of a session as the page does."""

    def __init__(self, session: ServerSession) -> None:
        self.session = session
        self.kinds: list[type] = []

    def hear(self, data: bytes) -> None:
        for event in self.session.receive(data):
            self.kinds.append(type(event))
            self._answer(event)

    def _answer(self, event: Any) -> None:
        session, frames = self.session, self.session.frames
        match event:
            case TargetChosen():
                session.selected({"dim", "fail", "ramp"}, {"ramp"})
            case Call(number, "dim", [0.5]):
                session.answer(number, session.spell_result([None]))
            case Call(number, "dim", [], {"level": 1}, 2.5, True):
                assert frames
                frames.send_progress(number, 0.5, "warm")
                session.answer(number, session.spell_result([True]))
            case Call(number, "fail"):
                assert frames
                failure = {"class": "ValueError", "message": "bulb", "traceback": []}
                session.answer(number, frames.spell_failure(failure))
            case Call(number, "ramp", [2]):
                assert frames
                frames.begin_stream(number)
            case Credit(number, 4):
                assert frames
                for item in range(2):
                    message, is_item = session.spell_item([item])
                    assert is_item
                    frames.send_item(number, message)
                frames.end(number)
            case Cancelled(number):
                assert frames
                frames.end(number)


def test_the_server_says_what_the_page_says() -> None:
    lamp = Lamp(ServerSession(["lamp"], None))
    for who, data in conversation():
        if who == "C":
            lamp.hear(data)
    assert sent(lamp.session) == said_by("S")


def test_a_server_that_is_sent_everything_ahead_says_the_same_at_every_cut() -> None:
    heard, expected = said_by("C"), [data for who, data in conversation() if who == "S"]
    ping = expected.pop(-2)
    for cut in range(len(heard) + 1):
        lamp = Lamp(ServerSession(["lamp"], None))
        lamp.hear(heard[:cut])
        lamp.hear(heard[cut:])
        said = sent(lamp.session)
        # The ping overtakes what was asked before, but not the confirmation.
        assert said.index(expected[1]) < said.index(ping)
        assert said.replace(ping, b"") == b"".join(expected)


def steps(session: ClientSession) -> Iterator[Callable[[], object]]:
    """What the client of the page does, one by one."""
    yield session.connect
    yield lambda: session.select("lamp")
    yield lambda: session.ask(session.spell_call("dim", (0.5,), {}))
    options = CallOptions(2.5, wants_progress=True)
    yield lambda: session.ask(session.spell_call("dim", (), {"level": 1}, options))
    yield lambda: session.ask(session.spell_call("fail", (), {}))
    yield lambda: session.ask(session.spell_call("ramp", (2,), {}))
    yield lambda: session.give_credit(4, 4)
    yield lambda: session.ask(session.spell_call("dim", (0,), {}))
    yield lambda: session.ask(session.spell_ping())
    yield lambda: session.cancel(5)


@pytest.mark.parametrize("cut", range(60))
def test_the_client_says_what_the_page_says_at_every_cut(cut: int) -> None:
    session = ClientSession("lab:3249")
    step = steps(session)
    events: list[Event] = []
    for who, data in conversation():
        if who == "C":
            next(step)()
            assert sent(session) == data
        else:
            events += session.receive(data[:cut]) + session.receive(data[cut:])
    assert next(step, None) is None
    kinds = [type(event) for event in events[2:]]
    assert kinds == [
        *(Returned, Progressed, Returned, Failed, StreamBegun, Item, Item, Ended, Returned, Ended)
    ]
    assert events[3] == Progressed(2, 0.5, "warm")
    failed = events[5]
    assert isinstance(failed, Failed)
    assert type(failed.error) is ValueError
    assert not session.awaits_answers


# What the page forbids


def frame(kind: int, request: int, value: Any = None) -> bytes:
    writer = FrameWriter()
    writer.put(kind, request, *pack(value))
    return b"".join(bytes(part) for part in writer.take(1 << 30))


def ready_server(**options: Any) -> ServerSession:
    session = ServerSession(["lamp"], None, **options)
    session.receive(BANNER + b"lamp frames_v1\n")
    session.selected({"dim"})
    sent(session)
    return session


def ready_client(**options: Any) -> ClientSession:
    session = ClientSession("lab:3249", **options)
    session.connect()
    session.receive(b'{"targets":["lamp"],"features":["pyon_v2","frames_v1"]}\n')
    session.select("lamp")
    sent(session)
    session.receive(frame(words.SELECTED, 0, {"methods": ["dim"], "streams": []}))
    assert session.state is ClientState.READY
    return session


def ask(session: ClientSession, *args: Any) -> int:
    number = session.ask(session.spell_call("dim", args, {}))
    sent(session)
    return number


@pytest.mark.parametrize(
    "data",
    [
        frame(words.CALL, 0, ["dim", [], {}]),
        frame(words.CALL, 1, ["dim", [], {}]) * 2,
        frame(words.PING, 0),
        frame(words.RETURNED, 1),
        frame(99, 1),
        frame(words.CREDIT, 1, 0),
        frame(words.CREDIT, 1, 1 << 33),
        frame(words.CREDIT, 1, "many"),
        HEADER.pack(words.CALL, 0x80, 0, 1, 0),
        HEADER.pack(0, 0, 0, 1, 1) + b"x",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_client_that_breaks_the_rules_is_refused_and_heard_no_more(data: bytes) -> None:
    session = ready_server()
    events = session.receive(data + frame(words.ASK_METHODS, 7))
    assert isinstance(events[-1], Refused)
    assert session.receive(frame(words.ASK_METHODS, 8)) == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["dim", [], {}, {}, {}],
        [5, [], {}],
        ["dim", (), {}],
        ["dim", [], {5: 1}],
        ["dim", [], {}, None],
        ["dim", [], {}, {"timeout": -1.0}],
        ["dim", [], {}, {"timeout": float("nan")}],
        ["dim", [], {}, {"timeout": "soon"}],
        ["dim", [], {}, {"progress": 1}],
    ],
    ids=repr,
)
def test_a_request_of_unknown_form_fails_alone(value: Any) -> None:
    bad, good = ready_server().receive(frame(words.CALL, 1, value) + frame(words.ASK_STATUS, 2))
    assert isinstance(bad, BadRequest)
    assert isinstance(bad.error, ValueError)
    assert good == StatusAsked(2)


def test_options_that_are_not_known_are_ignored() -> None:
    options = {"timeout": 1.5, "colour": "red"}
    (call,) = ready_server().receive(frame(words.CALL, 1, ["dim", [], {}, options]))
    assert call == Call(1, "dim", [], {}, 1.5, False)


def test_a_request_that_is_too_large_or_cannot_be_built_fails_alone() -> None:
    session = ready_server(max_message_size=10_000)
    large = frame(words.CALL, 1, ["dim", [np.zeros(20_000, np.uint8)], {}])
    odd = HEADER.pack(words.CALL, 0, 0, 2, 1) + b"\xc1"
    first, second, third = session.receive(large + odd + frame(words.ASK_METHODS, 3))
    assert isinstance(first, BadRequest)
    assert "the limit is 10000 bytes (max_message_size)" in str(first.error)
    assert isinstance(second, BadRequest)
    assert "cannot be read" in str(second.error)
    assert third == MethodListAsked(3)


def test_cancelling_what_is_over_means_nothing() -> None:
    session = ready_server()
    (call,) = session.receive(frame(words.CALL, 1, ["dim", [], {}]))
    assert isinstance(call, Call)
    assert session.receive(frame(words.CANCEL, 2)) == []
    assert session.receive(frame(words.CANCEL, 1)) == [Cancelled(1)]
    session.answer(1, session.spell_result([5]))
    assert session.receive(frame(words.CANCEL, 1) + frame(words.CREDIT, 1, 1)) == []
    (again,) = session.receive(frame(words.CALL, 1, ["dim", [], {}]))
    assert isinstance(again, Call)


@pytest.mark.parametrize(
    "data",
    [
        frame(words.RETURNED, 5),
        frame(words.RETURNED, 1) * 2,
        frame(words.SELECTED, 1, {"methods": [], "streams": []}),
        frame(words.PROGRESS, 1, [1, "an integer"]),
        frame(words.PROGRESS, 1, "half"),
        frame(99, 1),
        frame(words.CALL, 1),
    ],
)
def test_a_server_that_breaks_the_rules_is_given_up(data: bytes) -> None:
    session = ready_client()
    assert ask(session) == 1
    with pytest.raises(ProtocolError, match="lab:3249"):
        session.receive(data)
    assert session.state is ClientState.CLOSED


@pytest.mark.parametrize(
    "value", [None, {"methods": ["a"]}, {"methods": [5], "streams": []}, ["a"]]
)
def test_methods_that_are_no_names_break_the_rules(value: Any) -> None:
    session = ClientSession("lab:3249")
    session.receive(b'{"targets":["lamp"],"features":["frames_v1"]}\n')
    session.select("lamp")
    with pytest.raises(ProtocolError, match="names of its methods"):
        session.receive(frame(words.SELECTED, 0, value))


def test_answers_come_in_any_order() -> None:
    session = ready_client()
    first, second = ask(session, 1), ask(session, 2)
    events = session.receive(frame(words.RETURNED, second, "b") + frame(words.RETURNED, first, "a"))
    assert events == [Returned(second, "b"), Returned(first, "a")]


def test_what_was_given_up_is_cancelled_and_its_answer_dropped() -> None:
    session = ready_client()
    first = ask(session)
    session.give_up(first)
    session.give_up(first)
    assert sent(session) == frame(words.CANCEL, first)
    assert session.receive(frame(words.ITEM, first, 1)) == []
    assert session.awaits_answers
    assert session.receive(frame(words.RETURNED, first, 1)) == []
    assert not session.awaits_answers


def test_what_was_not_sent_is_not_cancelled_either() -> None:
    session = ready_client()
    number = session.ask(session.spell_call("dim", (), {}))
    session.give_up(number)
    assert sent(session) == b""
    assert not session.awaits_answers


def test_numbers_begin_anew_and_pass_over_those_that_are_in_use() -> None:
    session = ready_client()
    assert ask(session) == 1
    assert session._frames is not None
    session._frames.last_request = words.MAX_REQUEST - 1
    assert [ask(session) for _ in range(3)] == [words.MAX_REQUEST, 2, 3]


def test_an_answer_that_is_too_large_or_cannot_be_read_fails_its_own_request() -> None:
    session = ready_client(max_message_size=10_000)
    first, second, third = ask(session), ask(session), ask(session)
    large = frame(words.RETURNED, first, np.zeros(20_000, np.uint8))
    odd = HEADER.pack(words.ITEM, 0, 0, second, 1) + b"\xc1"
    failed, unreadable, good = session.receive(large + odd + frame(words.RETURNED, third, 3))
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, MessageTooLargeError)
    assert isinstance(unreadable, Failed)
    assert good == Returned(third, 3)
    # The server is told to end what was not ended by what could not be read.
    assert sent(session) == frame(words.CANCEL, second)


def test_a_result_that_cannot_be_spelled_says_where() -> None:
    session = ready_server()
    for value, where in (({"a": [1, object()]}, r'result["a"][1]'), ((object(),), "result[0]")):
        answer = session.spell_result([value])
        assert answer.kind == words.FAILED
        client = ready_client()
        ask(client)
        (failed,) = client.receive(frame_of(answer))
        assert isinstance(failed, Failed)
        assert type(failed.error) is TypeError
        assert where in str(failed.error)


def frame_of(message: Spelled) -> bytes:
    writer = FrameWriter()
    writer.put(message.kind, 1, message.head, message.buffers)
    return b"".join(bytes(part) for part in writer.take(1 << 30))


def test_an_argument_that_cannot_be_encoded_says_where_and_changes_nothing() -> None:
    session = ready_client()
    with pytest.raises(TypeError, match=r'args\[1\]\["x"\]\[0\]'):
        session.spell_call("dim", (1, {"x": [object()]}), {})
    with pytest.raises(TypeError, match=r'kwargs\["mode"\]'):
        session.spell_call("dim", (), {"mode": object()})
    assert not session.awaits_answers


@given(st.binary(), st.data())
def test_garbage_is_refused_in_known_ways_only(garbage: bytes, data: st.DataObject) -> None:
    ready_server().receive(garbage)
    kind = data.draw(st.integers(0, 30))
    framed = HEADER.pack(kind, 0, data.draw(st.integers(0, 2)), 1, len(garbage)) + garbage
    ready_server().receive(framed)
    for said in (garbage, framed):
        session = ready_client()
        ask(session)
        with contextlib.suppress(ProtocolError):
            session.receive(said)


@given(st.data())
def test_any_cut_of_the_stream_gives_the_same_events(data: st.DataObject) -> None:
    stream = said_by("C") + frame(words.CALL, 0)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    lamp = Lamp(ServerSession(["lamp"], None))
    for start, end in itertools.pairwise([0, *cuts, len(stream)]):
        lamp.hear(stream[start:end])
    whole = Lamp(ServerSession(["lamp"], None))
    whole.hear(stream)
    assert lamp.kinds == whole.kinds
    assert lamp.kinds[-1] is Refused
