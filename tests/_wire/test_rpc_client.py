"""The client's half of the conversation, without any connection."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipyco import pyon
from sipyco._wire.errors import IncompatibleServer, MessageTooLargeError, ProtocolError
from sipyco._wire.remote_exceptions import GenericRemoteException
from sipyco._wire.rpc_client import (
    ClientSession,
    ClientState,
    Event,
    Failed,
    Greeted,
    Returned,
    Selected,
)

GREETING = b'{"targets":["dev"],"description":null,"features":["pyon_v2"]}\n'
METHODS = b'{"__jsonclass__":["set",[["echo"]]]}\n'


def sent(session: ClientSession) -> bytes:
    """Return what the session has to say, which counts as sent then."""
    said = b""
    while parts := session.take(1 << 20):
        said += b"".join(parts)
    return said


def ask(session: ClientSession, *args: object, **kwargs: object) -> int:
    """Make a call, and send it."""
    number = session.ask(session.spell_call("echo", args, kwargs))
    sent(session)
    return number


def ready_session(*, max_message_size: int = 1 << 20) -> ClientSession:
    session = ClientSession("lab:3249", max_message_size=max_message_size)
    session.receive(GREETING)
    session.select("dev")
    session.receive(METHODS)
    return session


def ok(value: object) -> bytes:
    return pyon.encode({"status": "ok", "ret": value}, syntax="json").encode() + b"\n"


def test_the_states_follow_the_handshake() -> None:
    session = ClientSession("lab:3249")
    states = [session.state]
    session.connect()
    assert sent(session) == b"ARTIQ pc_rpc\n"
    assert session.receive(GREETING) == [Greeted(["dev"], None, frozenset({"pyon_v2"}))]
    states.append(session.state)
    session.select("dev")
    assert sent(session) == b"dev pyon_v2\n"
    states.append(session.state)
    assert session.receive(METHODS) == [Selected(frozenset({"echo"}))]
    states.append(session.state)
    session.receive_end()
    states.append(session.state)
    assert states == list(ClientState)


def test_a_server_without_features_is_spoken_to_in_python_syntax() -> None:
    session = ClientSession("lab:3249")
    session.receive(b'{"targets": ["dev"], "description": null}\n')
    session.select("dev")
    assert sent(session) == b"dev\n"
    session.receive(b'{"echo"}\n')
    session.ask(session.spell_call("echo", (1,), {"x": b"a"}))
    assert sent(session) == (
        b'{"action": "call", "name": "echo", "args": (1, ), "kwargs": {"x": b\'a\'}}\n'
    )


def test_a_python_peer_may_answer_with_a_dict_that_looks_tagged() -> None:
    session = ClientSession("lab:3249")
    session.receive(b'{"targets": ["dev"], "description": null}\n')
    session.select("dev")
    session.receive(b"{}\n")
    number = ask(session)
    answer = b'{"status": "ok", "ret": {"__jsonclass__": ["set", [[1]]]}}\n'
    assert session.receive(answer) == [Returned(number, {"__jsonclass__": ["set", [[1]]]})]


@pytest.mark.parametrize(
    ("line", "targets"),
    [
        (b"{'targets': ['x'], 'description': None}\n", ["x"]),
        (
            b'{"targets": ["Thorlabs PM100A", "thorcam sn:123"]}\n',
            ["Thorlabs PM100A", "thorcam sn:123"],
        ),
        (b'{"targets": ["x"], "features": 5, "more": 1}\n', ["x"]),
    ],
)
def test_greetings_of_the_field_are_understood(line: bytes, targets: list[str]) -> None:
    (event,) = ClientSession("lab:3249").receive(line)
    assert isinstance(event, Greeted)
    assert event.targets == targets


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\n",
        b"[]\n",
        b'{"targets": 5}\n',
        b'{"targets": [5]}\n',
        b"\xff\xfe\n",
        b"x" * (2 << 20) + b"\n",
    ],
    ids=lambda line: repr(line[:20]),
)
def test_a_server_of_another_kind_is_incompatible(line: bytes) -> None:
    session = ClientSession("lab:3249")
    with pytest.raises(IncompatibleServer, match=r"lab:3249 is no pc_rpc server: it greeted with"):
        session.receive(line)
    assert session.state is ClientState.CLOSED


def test_an_unknown_target_names_those_that_there_are() -> None:
    session = ClientSession("lab:3249")
    session.receive(GREETING)
    with pytest.raises(IncompatibleServer, match=r"no target 'x' on lab:3249; it offers 'dev'"):
        session.select("x")
    assert session.state is ClientState.GREETED
    session.select("dev")


@pytest.mark.parametrize("line", [b"5\n", b"@\n", b'["a", 5]\n'])
def test_methods_that_are_no_names_break_the_rules(line: bytes) -> None:
    session = ClientSession("lab:3249")
    session.receive(GREETING)
    session.select("dev")
    with pytest.raises(ProtocolError):
        session.receive(line)


def test_a_request_is_not_made_before_its_time() -> None:
    session = ClientSession("lab:3249")
    with pytest.raises(RuntimeError, match="AWAIT_GREETING"):
        session.spell_call("echo", (), {})
    with pytest.raises(RuntimeError, match="AWAIT_GREETING"):
        session.select("dev")


def test_an_answer_of_an_abandoned_request_is_dropped() -> None:
    session = ready_session()
    first = ask(session, 1)
    session.give_up(first)
    second = ask(session, 2)
    assert session.receive(ok(1) + ok(2)) == [Returned(second, 2)]


def test_a_request_that_was_not_sent_has_never_been() -> None:
    session = ready_session()
    sent(session)
    first = session.ask(session.spell_call("echo", (1,), {}))
    session.give_up(first)
    assert sent(session) == b""
    assert not session.awaits_answers
    second = ask(session, 2)
    assert session.receive(ok(2)) == [Returned(second, 2)]


def test_abandoned_answers_are_dropped_at_every_cut() -> None:
    stream = ok("first") + ok("second") + ok("third")
    for cut in range(len(stream) + 1):
        session = ready_session()
        first = ask(session)
        session.give_up(first)
        second = ask(session)
        third = ask(session)
        session.give_up(third)
        events: list[Event] = session.receive(stream[:cut]) + session.receive(stream[cut:])
        assert events == [Returned(second, "second")]


def test_abandoning_what_was_answered_changes_nothing() -> None:
    session = ready_session()
    first = ask(session)
    session.receive(ok(1))
    session.give_up(first)
    session.give_up(99)
    second = ask(session)
    assert session.receive(ok(2)) == [Returned(second, 2)]


@pytest.mark.parametrize(
    ("args", "kwargs", "where"),
    [
        ((1, {"x": [object()]}), {}, r'args\[1\]\["x"\]\[0\]'),
        ((), {"mode": object()}, r'kwargs\["mode"\]'),
    ],
)
def test_an_argument_that_cannot_be_encoded_leaves_the_conversation_as_it_was(
    args: tuple[object, ...], kwargs: dict[str, object], where: str
) -> None:
    session = ready_session()
    with pytest.raises(TypeError, match=where):
        session.spell_call("echo", args, kwargs)
    number = ask(session, 1)
    assert session.receive(ok(1)) == [Returned(number, 1)]


def test_an_argument_that_is_too_deep_leaves_the_conversation_as_it_was() -> None:
    session = ready_session()
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="itself"):
        session.spell_call("echo", (loop,), {})
    number = ask(session, 1)
    assert session.receive(ok(1)) == [Returned(number, 1)]


@pytest.mark.parametrize(
    "line",
    [
        b"@@@\n",
        b"[]\n",
        b'{"status":"ok"}\n',
        b'{"status":"odd","ret":1}\n',
        b'{"status":"ok","ret":{"__jsonclass__":["Unknown",[]]}}\n',
        b"\xff\n",
        b"\n",
    ],
)
def test_an_unreadable_answer_fails_its_own_request_only(line: bytes) -> None:
    session = ready_session()
    first = ask(session)
    second = ask(session)
    failed, returned = session.receive(line + ok(2))
    assert isinstance(failed, Failed)
    assert failed.request == first
    assert isinstance(failed.error, ValueError)
    assert returned == Returned(second, 2)


def test_an_answer_over_the_limit_fails_its_own_request_only() -> None:
    session = ready_session(max_message_size=100)
    first = ask(session)
    second = ask(session)
    large = ok("x" * 200)
    failed, returned = session.receive(large + ok(2))
    assert isinstance(failed, Failed)
    assert failed.request == first
    assert isinstance(failed.error, MessageTooLargeError)
    assert (failed.error.size, failed.error.limit) == (len(large) - 1, 100)
    assert f"{len(large) - 1} bytes" in str(failed.error)
    assert "100 bytes (max_message_size)" in str(failed.error)
    assert returned == Returned(second, 2)


def test_a_failure_becomes_the_exception() -> None:
    session = ready_session()
    number = ask(session)
    line = b'{"status":"failed","exception":"no such channel"}\n'
    (event,) = session.receive(line)
    assert isinstance(event, Failed)
    assert event.request == number
    assert type(event.error) is GenericRemoteException


def test_an_answer_that_nobody_asked_for_breaks_the_rules() -> None:
    session = ready_session()
    with pytest.raises(ProtocolError, match="although nothing was asked"):
        session.receive(ok(1))
    assert session.state is ClientState.CLOSED


def test_words_before_a_target_is_chosen_break_the_rules() -> None:
    session = ClientSession("lab:3249")
    with pytest.raises(ProtocolError):
        session.receive(GREETING + METHODS)


@given(st.binary())
def test_garbage_is_refused_in_known_ways_only(garbage: bytes) -> None:
    with contextlib.suppress(IncompatibleServer):
        ClientSession("lab:3249").receive(garbage + b"\n")
    session = ready_session()
    ask(session)
    with contextlib.suppress(ProtocolError):
        session.receive(garbage + b"\n")
