"""The server's half of the conversation, without any connection."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipyco import pyon
from sipyco._wire.rpc_server import (
    BadRequest,
    Call,
    Event,
    MethodListAsked,
    Refused,
    ServerSession,
    ServerState,
    TargetChosen,
    Welcomed,
)

BANNER = b"ARTIQ pc_rpc\n"
TARGETS = ("dev", "dev two", "Thorlabs PM100A", "thorcam sn:123", "é")


def ready_session(
    line: bytes = b"dev pyon_v2\n", *, max_message_size: int = 1 << 20
) -> ServerSession:
    session = ServerSession(TARGETS, "desc", max_message_size=max_message_size)
    events = session.receive(BANNER + line)
    assert isinstance(events[-1], TargetChosen)
    return session


def test_the_greeting_is_json_whatever_the_client_speaks() -> None:
    session = ServerSession(["b", "a"], "desc")
    assert session.receive(BANNER) == [Welcomed()]
    greeting = b'{"targets":["a","b"],"description":"desc","features":["pyon_v2","frames_v1"]}\n'
    assert session.take(1 << 20) == [greeting]
    assert session.state is ServerState.AWAIT_TARGET


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("dev", "dev"),
        ("dev pyon_v2", "dev"),
        ("dev two", "dev two"),
        ("dev two pyon_v2", "dev two"),
        ("Thorlabs PM100A pyon_v2", "Thorlabs PM100A"),
        ("thorcam sn:123", "thorcam sn:123"),
        ("é pyon_v2", "é"),
        ("dev\r", "dev"),
    ],
)
def test_a_target_is_recognised_among_the_names_that_there_are(line: str, target: str) -> None:
    session = ServerSession(TARGETS, None)
    assert session.receive(BANNER + line.encode() + b"\n")[1] == TargetChosen(target)
    assert session.state is ServerState.READY


def test_the_spelling_is_the_one_that_the_client_chose() -> None:
    assert ready_session(b"dev\n").spell_result([(1,)]).head == b'{"status": "ok", "ret": (1, )}\n'
    assert ready_session().spell_result([(1,)]).head == (
        b'{"status":"ok","ret":{"__jsonclass__":["tuple",[[1]]]}}\n'
    )


@pytest.mark.parametrize(
    "stream",
    [
        b"HELLO\n",
        b"\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"\x16\x03\x01\x02\x00\n",
        b"x" * 100_000 + b"\n",
        BANNER + b"nope\n",
        BANNER + b"dev pyon_v3\n",
        BANNER + b"dev pyon_v2 more\n",
        BANNER + b"devpyon_v2\n",
        BANNER + b"\xff\n",
        BANNER + b"x" * 100_000 + b"\n",
        BANNER + b"dev pyon_v2\n@@@ not pyon\n",
        BANNER + b"dev pyon_v2\n\n",
        BANNER + b"dev pyon_v2\n\xff\xff\n",
    ],
    ids=lambda stream: repr(stream[:40]),
)
def test_who_breaks_the_rules_is_refused_and_heard_no_more(stream: bytes) -> None:
    session = ServerSession(TARGETS, "desc")
    events = session.receive(stream + b'{"action":"get_rpc_method_list"}\n')
    assert isinstance(events[-1], Refused)
    assert session.state is ServerState.CLOSED
    assert session.receive(BANNER) == []


@pytest.mark.parametrize(
    ("request_line", "name", "args", "kwargs"),
    [
        (b'{"action":"call","name":"a","args":[1],"kwargs":{"x":2}}', "a", [1], {"x": 2}),
        (
            b'{"action":"call","name":"a","args":{"__jsonclass__":["tuple",[[]]]},"kwargs":{}}',
            "a",
            (),
            {},
        ),
        (b'{"action":"call","name":"a","args":[],"more":1}', "a", [], {}),
    ],
)
def test_calls_are_read(
    request_line: bytes, name: str, args: object, kwargs: dict[str, object]
) -> None:
    (event,) = ready_session().receive(request_line + b"\n")
    assert event == Call(1, name, args, kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        5,
        [],
        {},
        {"action": "zap"},
        {"action": None},
        {"action": "call"},
        {"action": "call", "name": 5, "args": []},
        {"action": "call", "name": "a", "args": "text"},
        {"action": "call", "name": "a", "args": [], "kwargs": []},
        {"action": "call", "name": "a", "args": [], "kwargs": {5: 1}},
    ],
    ids=repr,
)
def test_a_request_of_unknown_form_is_answered(value: object) -> None:
    session = ready_session()
    line = pyon.encode(value, syntax="json").encode() + b"\n"
    bad, good = session.receive(line + b'{"action":"get_rpc_method_list"}\n')
    assert isinstance(bad, BadRequest)
    assert isinstance(bad.error, ValueError)
    assert good == MethodListAsked(2)


def test_an_unknown_action_is_named_in_the_answer() -> None:
    (event,) = ready_session().receive(b'{"action":"zap"}\n')
    assert isinstance(event, BadRequest)
    assert "'zap'" in str(event.error)


@pytest.mark.parametrize(
    "line",
    [
        b'{"action":"call","name":"a","args":[{"__jsonclass__":["Unknown",[]]}]}\n',
        b'{"action":"call","name":"a","args":[{"__jsonclass__":["nparray",[[9],"<f8","AA=="]]}]}\n',
    ],
)
def test_a_value_that_cannot_be_built_fails_its_own_request_only(line: bytes) -> None:
    bad, good = ready_session().receive(line + b'{"action":"get_rpc_method_list"}\n')
    assert isinstance(bad, BadRequest)
    assert good == MethodListAsked(2)


def test_a_request_over_the_limit_fails_with_both_numbers() -> None:
    session = ready_session(max_message_size=100)
    bad, good = session.receive(b"x" * 1234 + b'\n{"action":"get_rpc_method_list"}\n')
    assert isinstance(bad, BadRequest)
    assert type(bad.error) is ValueError
    assert "a request of 1234 bytes" in str(bad.error)
    assert "100 bytes (max_message_size)" in str(bad.error)
    assert good == MethodListAsked(2)


def test_a_result_that_cannot_be_encoded_is_a_type_error_with_its_place() -> None:
    line = ready_session().spell_result([{"frames": [1, 2, 3, object()]}]).head
    answer = pyon.decode(line, syntax="json")
    assert answer["status"] == "failed"
    assert answer["exception"]["class"] == "TypeError"
    assert 'result["frames"][3]' in answer["exception"]["message"]
    assert "object" in answer["exception"]["message"]


def test_an_encoder_that_raises_is_answered() -> None:
    class Odd:
        pass

    def refuse(_value: Odd) -> list[object]:
        raise LookupError("no form")

    pyon.register(Odd, name="Odd", encode=refuse, decode=Odd)
    try:
        answer = pyon.decode(ready_session().spell_result([Odd()]).head, syntax="json")
    finally:
        pyon.deregister(Odd, "Odd")
    assert answer["status"] == "failed"
    assert "no form" in answer["exception"]["message"]


@given(st.data())
def test_any_cut_of_the_stream_gives_the_same_events(data: st.DataObject) -> None:
    stream = (
        BANNER + b"dev pyon_v2\n"
        b'{"action":"call","name":"a","args":[1],"kwargs":{}}\n'
        b'{"action":"get_rpc_method_list"}\n'
        b'{"action":"zap"}\n@@@\n'
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    edges = [0, *cuts, len(stream)]
    session = ServerSession(TARGETS, None)
    events: list[Event] = []
    for a, b in itertools.pairwise(edges):
        events += session.receive(stream[a:b])
    kinds = [Welcomed, TargetChosen, Call, MethodListAsked, BadRequest, Refused]
    assert [type(event) for event in events] == kinds


@given(st.binary())
def test_garbage_never_raises(garbage: bytes) -> None:
    for start in (b"", BANNER, BANNER + b"dev\n", BANNER + b"dev pyon_v2\n"):
        ServerSession(TARGETS, None).receive(start + garbage + b"\n")
