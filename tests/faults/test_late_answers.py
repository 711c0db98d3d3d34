"""An answer that comes too late is never given to the next call, with any peer, cut anywhere."""

import threading

import pytest

from tests.pc_rpc.frames_device import with_options
from tests.rpc_clients import Kind, every_client, every_kind
from tests.rpc_peers import Peer, Syntax, returned, scripted
from tests.serving import served

SHORT = 0.003
"""Seconds that a call waits which is meant to be given up."""

every_syntax = pytest.mark.parametrize("syntax", ["python", "json"])


@every_client
@every_syntax
def test_late_answer_is_not_given_to_the_next_call_wherever_it_is_cut(
    kind: Kind, syntax: Syntax
) -> None:
    late = returned("late", syntax)

    def script(peer: Peer) -> None:
        peer.welcome(syntax)
        for cut in range(len(late)):
            peer.line()
            peer.say(late[:cut])
            asked_again = peer.request()
            peer.say(late[cut:])
            peer.answer(asked_again["args"][0])

    with scripted(script) as port, kind.open(port) as client:
        for cut in range(len(late)):
            with pytest.raises(TimeoutError):
                client.call_within(SHORT, "echo")
            assert client.call("other", f"fresh {cut}") == f"fresh {cut}"


@every_client
@every_syntax
def test_late_answer_that_comes_between_two_calls_is_dropped_wherever_it_is_cut(
    kind: Kind, syntax: Syntax
) -> None:
    late = returned("late", syntax)
    given_up, said = threading.Semaphore(0), threading.Semaphore(0)

    def script(peer: Peer) -> None:
        peer.welcome(syntax)
        for cut in range(len(late)):
            peer.line()
            peer.say(late[:cut])
            given_up.acquire(timeout=10)
            peer.say(late[cut:])
            said.release()
            peer.answer(peer.request()["args"][0])

    with scripted(script) as port, kind.open(port) as client:
        for cut in range(len(late)):
            with pytest.raises(TimeoutError):
                client.call_within(SHORT, "echo")
            given_up.release()
            assert said.acquire(timeout=10)
            assert client.call("other", f"fresh {cut}") == f"fresh {cut}"


@every_client
def test_it_is_told_whether_the_server_was_told_to_give_a_call_up(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        while peer.line():
            pass

    with (
        scripted(script) as port,
        kind.open(port) as client,
        pytest.raises(TimeoutError) as raised,
    ):
        with_options(client, {"timeout": SHORT}, "echo")
    assert str(raised.value) == (
        f"echo() did not end within {SHORT:g} s; "
        "the server is of an older version and cannot be told to give it up"
    )


@every_client
@every_syntax
def test_many_late_answers_at_once_are_all_dropped(kind: Kind, syntax: Syntax) -> None:
    def script(peer: Peer) -> None:
        peer.welcome(syntax)
        requests = [peer.request() for _ in range(10)]
        peer.say(b"".join(returned(request["args"][0], syntax) for request in requests))
        peer.answer(peer.request()["args"][0])

    with scripted(script) as port, kind.open(port) as client:
        for number in range(9):
            with pytest.raises(TimeoutError):
                client.call_within(SHORT, "echo", number)
        assert client.call("echo", "tenth") == "tenth"
        assert client.call("echo", "eleventh") == "eleventh"


@every_client
def test_late_failure_is_not_raised_by_the_next_call(kind: Kind) -> None:
    failure = b'{"status":"failed","exception":{"class":"ValueError","message":"late"}}\n'

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        peer.line()
        peer.say(failure)
        peer.answer("fresh")

    with scripted(script) as port, kind.open(port) as client:
        with pytest.raises(TimeoutError):
            client.call_within(SHORT, "echo")
        assert client.call("echo") == "fresh"


@every_client
def test_late_garbage_fails_nobody(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        peer.line()
        peer.say(b"@@@ \xff\n")
        peer.answer("fresh")

    with scripted(script) as port, kind.open(port) as client:
        with pytest.raises(TimeoutError):
            client.call_within(SHORT, "echo")
        assert client.call("echo") == "fresh"


class Slow:
    def __init__(self) -> None:
        self.go_on = threading.Event()

    def wait(self) -> str:
        self.go_on.wait(10)
        return "late"

    def echo(self, value: int) -> int:
        return value


@every_kind
def test_a_slow_method_that_was_given_up_disturbs_no_further_call(kind: Kind) -> None:
    slow = Slow()
    with served({"slow": slow}, loop_factory=kind.loop_factory) as port, kind.open(port) as client:
        for method in range(3):
            slow.go_on.clear()
            with pytest.raises(TimeoutError):
                client.call_within(SHORT, "wait")
            with pytest.raises(TimeoutError):
                client.call_within(SHORT, "echo", -1)
            slow.go_on.set()
            assert [client.call("echo", number) for number in range(5)] == list(range(5)), method
        assert client.method_list()["methods"].keys() == {"wait", "echo"}
