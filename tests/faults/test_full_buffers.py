"""Requests that do not fit into the buffers of a server that does not read."""

import threading

import pytest

from tests.rpc_clients import Kind, every_client, every_kind
from tests.rpc_peers import Peer, scripted
from tests.serving import served

LARGE = "x" * (8 << 20)
"""More than the socket buffers of both ends together hold."""


@every_client
def test_a_request_that_was_begun_is_sent_to_its_end_with_the_next_call(kind: Kind) -> None:
    read_on = threading.Event()
    requests: list[tuple[str, int]] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        read_on.wait(10)
        while request := peer.request():
            requests.append((request["name"], len(request["args"][0])))
            peer.answer(request["name"])

    with scripted(script, receive_buffer=1 << 16) as port, kind.open(port) as client:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                client.call_within(0.02, "echo", LARGE)
        read_on.set()
        assert client.call("other", "small") == "other"
        assert client.call("echo", "") == "echo"
    # The second request was withdrawn: nothing of it had been sent.
    assert requests == [("echo", len(LARGE)), ("other", 5), ("echo", 0)]


class Camera:
    def __init__(self) -> None:
        self.go_on = threading.Event()

    def image(self) -> str:
        self.go_on.wait(10)
        return LARGE

    def size(self, data: str) -> int:
        return len(data)


@every_kind
def test_two_sides_that_send_a_lot_do_not_wait_for_each_other(kind: Kind) -> None:
    camera = Camera()
    with (
        served({"camera": camera}, loop_factory=kind.loop_factory) as port,
        kind.open(port) as client,
    ):
        with pytest.raises(TimeoutError):
            client.call_within(0.01, "image")
        camera.go_on.set()
        assert client.call("size", LARGE) == len(LARGE)
        assert client.call("size", "abc") == 3


@every_client
def test_a_server_that_reads_only_when_it_was_heard_is_no_deadlock(kind: Kind) -> None:
    # It answers the first request in full before it reads any more of the second.
    given_up = threading.Event()

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.request()
        given_up.wait(10)
        peer.answer(LARGE)
        peer.answer(len(peer.request()["args"][0]))

    with scripted(script, receive_buffer=1 << 16) as port, kind.open(port) as client:
        with pytest.raises(TimeoutError):
            client.call_within(0.01, "echo")
        given_up.set()
        assert client.call("other", LARGE) == len(LARGE)
