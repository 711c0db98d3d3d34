"""The fixture ``faulty_link``, between sockets of the test."""

import contextlib
import math
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ndsp.testing import ControllerFactory, FaultyLink, FaultyLinkFactory
from tests.ndsp.testing.devices import CONTROLLERS

WHOLE = b"0123456789" * 10

PATIENCE = 10.0
"""Seconds until something must have come. It takes a fraction of one."""

SILENCE = 0.05
"""Seconds after which nothing is held to come any more."""


@dataclass
class Ends:
    """Both ends of a connection over a link."""

    link: FaultyLink
    client: socket.socket
    server: socket.socket


def receive(side: socket.socket, size: int) -> bytes:
    """Receive so many bytes, or fewer until the end."""
    received = b""
    while len(received) < size and (data := side.recv(size - len(received))):
        received += data
    return received


def is_silent(side: socket.socket) -> bool:
    """Tell whether neither bytes nor the end of the connection come."""
    with selectors.DefaultSelector() as selector:
        selector.register(side, selectors.EVENT_READ)
        return not selector.select(SILENCE)


@pytest.fixture
def listener(faulty_link: FaultyLinkFactory) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


@contextlib.contextmanager
def connected(link: FaultyLink, listener: socket.socket) -> Iterator[Ends]:
    with socket.create_connection((link.host, link.port), PATIENCE) as client:
        server, _ = listener.accept()
        with server:
            server.settimeout(PATIENCE)
            yield Ends(link, client, server)


@pytest.fixture
def ends(faulty_link: FaultyLinkFactory, listener: socket.socket) -> Iterator[Ends]:
    with connected(faulty_link(*listener.getsockname()), listener) as ends:
        yield ends


def test_it_passes_on_both_ways_and_the_end_of_each(ends: Ends) -> None:
    large = bytes(range(256)) * 20_000
    ends.client.sendall(WHOLE)
    assert receive(ends.server, len(WHOLE)) == WHOLE
    ends.client.shutdown(socket.SHUT_WR)
    assert ends.server.recv(1) == b""
    ends.server.sendall(large[:100_000])
    assert receive(ends.client, 100_000) == large[:100_000]
    ends.server.close()
    assert ends.client.recv(1) == b""


def test_a_reset_is_passed_on(ends: Ends) -> None:
    ends.client.sendall(b"x")
    assert ends.server.recv(1) == b"x"
    ends.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    ends.server.close()
    with pytest.raises(ConnectionResetError):
        ends.client.recv(1)


def test_a_server_that_is_not_there_resets_and_may_come_later(
    faulty_link: FaultyLinkFactory, listener: socket.socket
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    link = faulty_link("localhost", port)
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection((link.host, link.port), PATIENCE) as client,
    ):
        client.recv(1)
    with socket.create_server(("127.0.0.1", port)) as again:
        again.settimeout(PATIENCE)
        with connected(link, again) as ends:
            ends.client.sendall(b"x")
            assert ends.server.recv(1) == b"x"


def test_slow_lets_so_many_bytes_through_in_a_second(ends: Ends) -> None:
    ends.link.slow(1000)
    begin = time.monotonic()
    ends.client.sendall(WHOLE)
    assert receive(ends.server, len(WHOLE)) == WHOLE
    assert time.monotonic() - begin >= len(WHOLE) / 1000 - 0.02
    assert receive_in_pieces(ends) > 1


def receive_in_pieces(ends: Ends) -> int:
    """Count how many times something arrives of one message."""
    ends.client.sendall(WHOLE)
    count, left = 0, len(WHOLE)
    while left:
        left -= len(ends.server.recv(left))
        count += 1
    return count


def test_latency_delays_but_does_not_hold_back(ends: Ends) -> None:
    ends.link.slow(latency=0.1)
    begin = time.monotonic()
    for _ in range(10):
        ends.client.sendall(WHOLE)
    assert receive(ends.server, 10 * len(WHOLE)) == 10 * WHOLE
    assert 0.1 <= time.monotonic() - begin < 0.9


def test_restoring_a_slow_link_brings_at_once_what_is_on_its_way(ends: Ends) -> None:
    ends.link.slow(1, latency=60)
    ends.client.sendall(WHOLE)
    assert is_silent(ends.server)
    ends.link.restore()
    assert receive(ends.server, len(WHOLE)) == WHOLE


@pytest.mark.parametrize(
    ("rate", "latency"), [(0, 0), (-1, 0), (1, -1), (math.nan, 0), (1, math.nan), (1, math.inf)]
)
def test_what_cannot_be_slow_is_refused(ends: Ends, rate: float, latency: float) -> None:
    with pytest.raises(ValueError, match="bytes per second with a latency of"):
        ends.link.slow(rate, latency)


def test_cut_ends_both_sides_and_lets_new_ones_connect(ends: Ends, listener: socket.socket) -> None:
    ends.link.cut()
    assert ends.link.connections == 0
    assert ends.client.recv(1) == b""
    assert ends.server.recv(1) == b""
    with connected(ends.link, listener) as others:
        assert others.link.connections == 1
        others.client.sendall(b"x")
        assert others.server.recv(1) == b"x"


def test_cut_may_reset(ends: Ends) -> None:
    ends.link.cut(reset=True)
    for side in (ends.client, ends.server):
        with pytest.raises(ConnectionResetError):
            side.recv(1)


@pytest.mark.parametrize("size", [0, 1, 37, len(WHOLE)])
def test_cut_strikes_after_exactly_so_many_bytes(ends: Ends, size: int) -> None:
    ends.link.cut(after_bytes=size)
    ends.client.sendall(WHOLE)
    assert receive(ends.server, len(WHOLE)) == WHOLE
    ends.server.sendall(WHOLE[:30])
    ends.server.sendall(WHOLE[30:])
    assert receive(ends.client, len(WHOLE) + 1) == WHOLE[:size]


def test_cut_counts_what_goes_to_the_server_on_request(ends: Ends) -> None:
    ends.link.cut(after_bytes=5, direction="to_server")
    ends.client.sendall(WHOLE)
    assert receive(ends.server, len(WHOLE)) == WHOLE[:5]
    assert ends.client.recv(1) == b""


def test_cut_in_the_middle_may_reset(ends: Ends) -> None:
    ends.link.cut(after_bytes=1, reset=True)
    ends.server.sendall(WHOLE)
    with pytest.raises(ConnectionResetError):
        receive(ends.client, len(WHOLE))


def test_a_cut_to_come_can_be_taken_back(ends: Ends) -> None:
    ends.link.cut(after_bytes=1)
    ends.link.restore()
    ends.server.sendall(WHOLE)
    assert receive(ends.client, len(WHOLE)) == WHOLE
    with pytest.raises(ValueError, match="after -1 bytes"):
        ends.link.cut(after_bytes=-1)


def test_deaf_holds_everything_both_ways(ends: Ends, listener: socket.socket) -> None:
    ends.link.deaf()
    ends.client.sendall(WHOLE)
    ends.server.sendall(WHOLE)
    ends.server.shutdown(socket.SHUT_WR)
    assert is_silent(ends.server)
    assert is_silent(ends.client)
    with connected(ends.link, listener) as others:
        others.client.sendall(WHOLE)
        assert is_silent(others.server)
    ends.link.restore()
    assert receive(ends.server, len(WHOLE)) == WHOLE
    assert receive(ends.client, len(WHOLE) + 1) == WHOLE


def test_deaf_may_be_so_one_way(ends: Ends) -> None:
    ends.link.deaf("to_client")
    ends.client.sendall(WHOLE)
    assert receive(ends.server, len(WHOLE)) == WHOLE
    ends.server.sendall(WHOLE)
    assert is_silent(ends.client)


def test_a_deaf_link_makes_the_sender_wait_in_the_end(ends: Ends) -> None:
    ends.link.deaf()
    ends.client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    ends.client.settimeout(SILENCE)
    with pytest.raises(TimeoutError):
        ends.client.sendall(bytes(64 << 20))


def test_half_open_swallows_what_the_client_sends(ends: Ends) -> None:
    ends.client.sendall(b"x")
    assert ends.server.recv(1) == b"x"
    ends.link.half_open()
    assert ends.server.recv(1) == b""
    ends.client.sendall(bytes(16 << 20))
    assert is_silent(ends.client)
    with socket.create_connection((ends.link.host, ends.link.port), PATIENCE) as new:
        new.sendall(WHOLE)
        assert is_silent(new)
        assert ends.link.connections == 2


def test_restoring_resets_what_is_half_open(ends: Ends, listener: socket.socket) -> None:
    ends.link.half_open()
    ends.link.restore()
    with pytest.raises(ConnectionResetError):
        ends.client.recv(1)
    with connected(ends.link, listener) as others:
        others.client.sendall(b"x")
        assert others.server.recv(1) == b"x"


def test_a_client_may_leave_a_half_open_link(ends: Ends) -> None:
    ends.link.half_open()
    ends.client.close()
    deadline = time.monotonic() + PATIENCE
    while ends.link.connections:
        assert time.monotonic() < deadline


def test_a_closed_link_says_so(ends: Ends) -> None:
    ends.link.close()
    ends.link.close()
    assert ends.client.recv(1) == b""
    with pytest.raises(RuntimeError, match="it is closed"):
        ends.link.cut()


def test_a_client_of_a_controller_goes_through_it(
    controller: ControllerFactory, faulty_link: FaultyLinkFactory
) -> None:
    running = controller(CONTROLLERS["Lamp"])
    link = faulty_link(running.host, running.port)
    lamp = running.client(timeout=0.1, via=link)
    link.deaf()
    with pytest.raises(TimeoutError):
        lamp.where()
    link.restore()
    assert lamp.where() == "simulation"
    link.cut(after_bytes=1)
    with pytest.raises(ConnectionError):
        lamp.where()
    assert running.client(via=link).where() == "simulation"
