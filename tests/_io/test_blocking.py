"""A blocking link, over a pair of sockets of which the test holds the other end."""

import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sipyco._io import blocking
from sipyco._io.blocking import BlockingLink
from sipyco._io.waiting import Waiter
from sipyco._wire.errors import ConnectionLost

LARGE = b"x" * (8 << 20)


class Channel:
    """What is to be sent, a piece at a time, and what came in."""

    def __init__(self) -> None:
        self.unsent: deque[bytes] = deque()
        self.came = bytearray()
        self.memory = memoryview(bytearray(1 << 16))

    def take(self, size: int) -> list[bytes | memoryview]:
        return [self.unsent.popleft()] if self.unsent else []

    def buffer(self) -> memoryview:
        return self.memory

    def received(self, count: int) -> None:
        self.came += self.memory[:count]


class Pair:
    def __init__(self, link: BlockingLink, other: socket.socket) -> None:
        self.link = link
        self.other = other
        self.channel = Channel()

    def queue(self, data: bytes) -> None:
        self.channel.unsent.append(data)

    def move(self, timeout: float | None = 0.02) -> bytes:
        """Send, wait, and receive; return what came in."""
        self.link.send(self.channel)
        if not self.link.wait(timeout):
            raise TimeoutError
        self.link.receive(self.channel)
        came, self.channel.came = bytes(self.channel.came), bytearray()
        return came


@pytest.fixture
def pair() -> Iterator[Pair]:
    mine, other = socket.socketpair()
    other.settimeout(10)
    link = BlockingLink(mine, "lab:3249")
    with other, contextlib.closing(link):
        yield Pair(link, other)


def read(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(1 << 20)
        assert piece
        data += piece
    return bytes(data)


def test_what_is_queued_is_sent_when_it_moves_and_not_before(pair: Pair) -> None:
    pair.queue(b"abc")
    pair.other.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.other.recv(1)
    with pytest.raises(TimeoutError):
        pair.move()
    assert pair.other.recv(10) == b"abc"


def test_what_comes_in_is_handed_over(pair: Pair) -> None:
    pair.other.sendall(b"abc")
    assert pair.move() == b"abc"


def test_nothing_in_time_costs_nothing(pair: Pair) -> None:
    for timeout in (0.0, 0.02):
        assert not pair.link.wait(timeout)
        pair.link.receive(pair.channel)
    pair.other.sendall(b"abc")
    assert pair.move() == b"abc"


def test_a_wait_ends_when_another_thread_wakes(pair: Pair) -> None:
    pair.link.allow_waking()
    pair.link.wake()
    assert not pair.link.wait(None)  # woken before it began
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pair.link.wait, None)
        pair.link.wake()
        assert not waiting.result(10)
    pair.other.sendall(b"abc")
    assert pair.move(None) == b"abc"


def test_others_have_their_turn_however_fast_the_peer_reads(pair: Pair) -> None:
    def read_all() -> None:
        while pair.other.recv(1 << 20):
            pass

    reader = threading.Thread(target=read_all)
    reader.start()
    pair.channel.take = lambda size: [bytes(size)]  # type: ignore[method-assign]
    try:
        for _ in range(3):
            pair.link.send(pair.channel)  # it returns, though there always is more
            assert pair.link.needs_room
            assert pair.link.wait(30)
    finally:
        pair.link.close()
        reader.join()


def test_parts_leave_in_their_order_however_many_there_are(pair: Pair) -> None:
    parts: list[bytes | memoryview] = [bytes([number % 256]) for number in range(3000)]

    def take_all(size: int) -> list[bytes | memoryview]:
        taken, parts[:] = parts[:], []
        return taken

    pair.channel.take = take_all  # type: ignore[method-assign]
    sent = b"".join(parts)
    pair.link.send(pair.channel)
    while pair.link.has_unsent:
        pair.link.send(pair.channel)
    assert read(pair.other, len(sent)) == sent


def test_movement_is_noted(pair: Pair) -> None:
    begun = pair.link.moved_at
    pair.queue(b"abc")
    pair.link.send(pair.channel)
    sent = pair.link.moved_at
    assert sent > begun
    pair.other.sendall(b"abc")
    pair.move()
    assert pair.link.moved_at > sent


def test_what_did_not_fit_is_sent_later_in_its_order(pair: Pair) -> None:
    pair.queue(LARGE)
    pair.queue(b"second")
    with pytest.raises(TimeoutError):
        pair.move()
    assert pair.link.needs_room
    pair.queue(b"third")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, pair.other, len(LARGE) + len(b"secondthird"))
        while not reading.done():
            pair.link.send(pair.channel)
            pair.link.wait(0.01)
        assert reading.result(10) == LARGE + b"secondthird"
    pair.other.sendall(b"done")
    assert pair.move() == b"done"


def test_two_sides_that_send_a_lot_do_not_wait_for_each_other(pair: Pair) -> None:
    pair.queue(LARGE)
    with ThreadPoolExecutor(1) as pool:
        # It reads nothing before it has sent everything.
        sending = pool.submit(pair.other.sendall, LARGE)
        received = 0
        while received < len(LARGE):
            received += len(pair.move(10))
        sending.result(10)


def test_a_link_that_its_peer_closed_stays_lost(pair: Pair) -> None:
    pair.other.close()
    for _ in range(3):
        with pytest.raises(ConnectionLost, match="lab:3249 closed the connection before its first"):
            pair.move()


def test_what_came_before_the_end_is_handed_over(pair: Pair) -> None:
    pair.other.sendall(b"abc")
    pair.other.close()
    assert pair.move() == b"abc"
    with pytest.raises(ConnectionLost, match="was lost: the other side closed it"):
        pair.move()


def test_sending_to_a_peer_that_left_is_a_loss(pair: Pair) -> None:
    pair.other.close()
    pair.queue(b"abc")
    with pytest.raises(ConnectionLost, match="lab:3249"):
        pair.move()


def test_a_closed_link_says_who_closed_it(pair: Pair) -> None:
    pair.link.close()
    pair.link.close()
    with pytest.raises(ConnectionLost, match="closed by this side"):
        pair.move()
    with pytest.raises(ConnectionLost, match="closed by this side"):
        pair.link.local_host()


@pytest.mark.parametrize("unsent", [b"", LARGE])
def test_closing_ends_the_wait_of_another_thread(
    pair: Pair, unsent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    wait = Waiter.wait

    def tell_and_wait(waiter: Waiter, **options: Any) -> tuple[bool, bool]:
        waits.set()
        return wait(waiter, **options)

    monkeypatch.setattr(Waiter, "wait", tell_and_wait)
    pair.queue(unsent)
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(pair.move, None)
        assert waits.wait(10)
        pair.link.close()
        with pytest.raises(ConnectionLost, match="closed by this side"):
            moving.result(10)


def test_whoever_fails_to_take_the_bytes_has_lost_the_place_in_the_stream(pair: Pair) -> None:
    def fail(count: int) -> None:
        raise KeyboardInterrupt

    pair.channel.received = fail  # type: ignore[method-assign]
    pair.other.sendall(b"abc")
    with pytest.raises(KeyboardInterrupt):
        pair.move()
    assert pair.other.recv(1) == b""
    with pytest.raises(ConnectionLost, match="given up: KeyboardInterrupt struck"):
        pair.move()


def test_whoever_gives_the_connection_up_says_why_to_those_who_come_later(pair: Pair) -> None:
    def give_up(count: int) -> None:
        raise ConnectionLost("it speaks in tongues")

    pair.channel.received = give_up  # type: ignore[method-assign]
    pair.other.sendall(b"abc")
    with pytest.raises(ConnectionLost, match="tongues"):
        pair.move()
    with pytest.raises(ConnectionLost, match="tongues"):
        pair.move()


def test_closing_never_turns_encryption_off_for_a_thread_that_sends() -> None:
    # SSLSocket.shutdown() forgets its TLS state first; what is sent then would leave in the clear.
    mine, other = socket.socketpair()
    with other:
        encrypted = ssl.create_default_context().wrap_socket(
            mine, server_hostname="lab", do_handshake_on_connect=False
        )
        seen: list[object] = []

        class Watched(BlockingLink):
            pass

        link = Watched(encrypted, "lab:3249")
        shutdown = socket.socket.shutdown

        def watch(sock: socket.socket, how: int) -> None:
            seen.append(sock._sslobj)  # type: ignore[attr-defined]
            shutdown(sock, how)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket.socket, "shutdown", watch)
            link.close()
    assert len(seen) == 1
    assert seen[0] is not None


def test_connecting_sets_what_every_connection_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with contextlib.closing(blocking.connect("127.0.0.1", str(port), 10, None)) as link:
            assert link.local_host() == "127.0.0.1"
            assert link._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert link._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            server.accept()[0].close()


def test_a_tls_handshake_with_a_deaf_server_is_a_timeout_that_leaves_nothing_open() -> None:
    class NoCertificates:
        def create_client_context(self) -> ssl.SSLContext:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            return context

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(TimeoutError, match=f"127.0.0.1:{port} .*does it use TLS"):
            blocking.connect("127.0.0.1", port, 0.02, NoCertificates())  # type: ignore[arg-type]
        accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(10)
            while accepted.recv(1 << 16):
                pass
