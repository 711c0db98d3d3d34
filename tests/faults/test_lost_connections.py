"""A connection that is lost, at whatever stage, is lost in one way."""

import threading

import pytest

from sipyco.pc_rpc import ConnectionLost
from tests.rpc_clients import Kind, every_client
from tests.rpc_peers import Peer, greeting, returned, scripted, spelled

STAGES = {
    "before the greeting": b"",
    "in the greeting": greeting()[:10],
    "at the end of the greeting": greeting()[:-1],
    "after the greeting": greeting(),
    "in the methods": greeting() + spelled({"echo"})[:5],
}

every_end = pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])


def end(peer: Peer, *, is_reset: bool) -> None:
    if is_reset:
        peer.reset()
    else:
        peer.sock.close()


def assert_is_lost(error: BaseException) -> None:
    assert isinstance(error, ConnectionLost)
    for known_as in (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, EOFError):
        assert isinstance(error, known_as)


@every_client
@every_end
@pytest.mark.parametrize("stage", STAGES)
def test_a_connection_is_lost_during_the_handshake(kind: Kind, stage: str, is_reset: bool) -> None:
    def script(peer: Peer) -> None:
        peer.line()
        words = STAGES[stage]
        first, newline, second = words.partition(b"\n")
        peer.say(first + newline)
        if newline:
            peer.line()
            peer.say(second)
        end(peer, is_reset=is_reset)

    with scripted(script) as port, pytest.raises(ConnectionLost) as caught:
        kind.open(port)
    assert_is_lost(caught.value)
    assert f"127.0.0.1:{port}" in str(caught.value)


@every_client
@every_end
def test_a_connection_is_lost_before_anything_was_said(kind: Kind, is_reset: bool) -> None:
    with (
        scripted(lambda peer: end(peer, is_reset=is_reset)) as port,
        pytest.raises(ConnectionLost),
    ):
        kind.open(port)


@every_client
@every_end
@pytest.mark.parametrize("answered", [0, 1, len(returned("x")) - 1])
def test_a_connection_is_lost_during_a_call(kind: Kind, is_reset: bool, answered: int) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        peer.say(returned("x")[:answered])
        end(peer, is_reset=is_reset)

    with scripted(script) as port, kind.open(port) as client:
        for _ in range(3):
            with pytest.raises(ConnectionLost) as caught:
                client.call("echo")
            assert_is_lost(caught.value)
        with pytest.raises(ConnectionLost):
            client.method_list()


@every_client
@every_end
def test_a_connection_is_lost_while_nothing_is_asked(kind: Kind, is_reset: bool) -> None:
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        end(peer, is_reset=is_reset)
        ended.set()

    with scripted(script) as port, kind.open(port) as client:
        assert ended.wait(10)
        for _ in range(3):
            with pytest.raises(ConnectionLost) as caught:
                client.call("echo")
            assert_is_lost(caught.value)


@every_client
def test_a_connection_is_lost_before_a_target_is_selected(kind: Kind) -> None:
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.line()
        peer.say(greeting())
        peer.sock.close()
        ended.set()

    with scripted(script) as port, kind.open(port, None) as client:
        assert ended.wait(10)
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                client.select("dev")


@every_client
def test_the_answer_before_the_loss_is_still_given(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        peer.answer("last words")
        peer.sock.close()

    with scripted(script) as port, kind.open(port) as client:
        assert client.call("echo") == "last words"
        with pytest.raises(ConnectionLost):
            client.call("echo")


@every_client
def test_a_server_that_will_say_nothing_more_is_not_waited_for(kind: Kind) -> None:
    # It keeps its own end open and reads nothing, so that the request cannot leave either.
    left = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.sock.recv(1)
        peer.sock.shutdown(1)
        left.wait(10)

    with scripted(script, receive_buffer=1 << 16) as port, kind.open(port) as client:
        with pytest.raises(ConnectionLost):
            client.call("echo", "x" * (8 << 20))
        left.set()


@every_client
def test_what_is_known_of_the_server_stays_known(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()

    with scripted(script) as port, kind.open(port) as client:
        with pytest.raises(ConnectionLost):
            client.call("echo")
        assert client.client.get_rpc_id() == (["dev"], None)
        assert client.client.get_selected_target() == "dev"
        assert "echo" in dir(client.client)
        with pytest.raises(ConnectionLost):
            client.client.get_local_host()


@every_client
def test_nothing_is_asked_of_a_client_that_was_closed(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.until_it_leaves()

    with scripted(script) as port, kind.open(port) as client:
        if kind.is_blocking:
            client.close()
        else:
            _ = client.client.close_rpc()
        with pytest.raises(ConnectionLost, match="closed by this side"):
            client.call("echo")
        with pytest.raises(ConnectionLost, match="closed by this side"):
            client.method_list()
        with pytest.raises(ConnectionLost, match="closed by this side"):
            client.client.get_local_host()
