"""Servers that break the rules cost at most the connection, and never give a wrong value."""

import contextlib
import threading

import pytest

from sipyco.pc_rpc import ConnectionLost, IncompatibleServer
from tests.rpc_clients import Kind, every_client
from tests.rpc_peers import Peer, greeting, returned, scripted, spelled


@every_client
@pytest.mark.parametrize(
    ("banner", "shown"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"220 mail.lab ESMTP\r\n", "220 mail.lab ESMTP"),
        (b"\xff\xfd\x18\n", r"\\xff\\xfd\\x18"),
        (b"\n", "b''"),
        (b'{"targets": 5}\n', "targets"),
    ],
)
def test_a_server_of_another_kind_is_shown_by_what_it_said(
    kind: Kind, banner: bytes, shown: str
) -> None:
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.line()
        peer.say(banner)
        peer.until_it_leaves()
        left.set()

    with scripted(script) as port:
        with pytest.raises(IncompatibleServer, match=f"127.0.0.1:{port} is no pc_rpc .*{shown}"):
            kind.open(port)
        assert left.wait(10)


@every_client
@pytest.mark.parametrize(
    "garbage",
    [b"@@@\n", b"\xff\xfe\n", b"\n", b"[1, 2]\n", b'{"status": "odd"}\n', b'{"status": "ok"}\n'],
)
def test_garbage_fails_the_call_that_it_answers_and_no_other(kind: Kind, garbage: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        for _ in range(3):
            peer.line()
            peer.say(garbage)
            peer.line()
            peer.answer("fine")

    with scripted(script) as port, kind.open(port) as client:
        for _ in range(3):
            with pytest.raises(ValueError, match=r"not JSON|not UTF-8|no known form"):
                client.call("echo")
            assert client.call("other") == "fine"


@every_client
@pytest.mark.parametrize("unasked", [returned("wrong"), b"\n", b'{"sta', b"@@@\n"])
def test_an_answer_that_nobody_asked_for_ends_the_connection(kind: Kind, unasked: bytes) -> None:
    said = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.request()
        peer.answer("right")
        peer.say(unasked)
        said.set()
        peer.until_it_leaves()

    with scripted(script) as port, kind.open(port) as client:
        # The first answer may come together with the second, which spoils it.
        with contextlib.suppress(ConnectionLost):
            assert client.call("echo") == "right"
        assert said.wait(10)
        for _ in range(3):
            with pytest.raises(ConnectionLost, match="although nothing was asked"):
                client.call("echo")


@every_client
def test_two_answers_at_once_to_one_request_end_the_connection(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        peer.say(returned("right") + returned("wrong"))
        peer.until_it_leaves()

    with scripted(script) as port, kind.open(port) as client:
        for _ in range(3):
            with pytest.raises(ConnectionLost, match="although nothing was asked"):
                client.call("echo")


@every_client
@pytest.mark.parametrize(
    "words",
    [
        greeting() + spelled({"echo"}),
        greeting() + b"\n",
    ],
)
def test_methods_of_no_target_end_the_connection(kind: Kind, words: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.line()
        peer.say(words)
        peer.until_it_leaves()

    with scripted(script) as port, pytest.raises(ConnectionLost, match="nothing was asked"):
        kind.open(port)


@every_client
@pytest.mark.parametrize(
    "methods", [b"5\n", b"@@@\n", b"[1, 2]\n", b"\n", b"x" * (2 << 20) + b"\n"]
)
def test_methods_that_are_no_names_end_the_connection(kind: Kind, methods: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.line()
        peer.say(greeting())
        peer.line()
        peer.say(methods)
        peer.until_it_leaves()

    with scripted(script) as port, pytest.raises(ConnectionLost, match="names of its methods"):
        kind.open(port)


@every_client
def test_a_server_that_closes_instead_of_selecting_a_target_is_a_loss(kind: Kind) -> None:
    # What 1.10 does when it does not like the name.
    def script(peer: Peer) -> None:
        peer.line()
        peer.say(greeting())
        peer.line()

    with scripted(script) as port, pytest.raises(ConnectionLost):
        kind.open(port)
