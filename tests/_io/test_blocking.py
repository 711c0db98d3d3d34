"""A blocking link, over a pair of sockets of which the test holds the other end."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sipyco._io import blocking, sockets
from sipyco._io.blocking import BlockingLink
from sipyco._wire.errors import ConnectionLost

LARGE = b"x" * (8 << 20)


class Pair:
    def __init__(self, link: BlockingLink, other: socket.socket) -> None:
        self.link = link
        self.other = other
        self.received: list[bytes] = []

    def move(self, *, wait: bool = True) -> bytes:
        """Move once; return what came in."""
        received: list[bytes] = []
        self.link.move(received.append, wait=wait)
        return b"".join(received)


@pytest.fixture
def pair() -> Iterator[Pair]:
    mine, other = socket.socketpair()
    other.settimeout(10)
    link = BlockingLink(mine, "lab:3249", 0.02)
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
    pair.link.queue(b"abc")
    pair.other.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.other.recv(1)
    with pytest.raises(TimeoutError):
        pair.move()
    assert pair.other.recv(10) == b"abc"


def test_what_comes_in_is_handed_over(pair: Pair) -> None:
    pair.other.sendall(b"abc")
    assert pair.move() == b"abc"


def test_nothing_in_time_is_a_timeout_that_costs_nothing(pair: Pair) -> None:
    for _ in range(2):
        with pytest.raises(TimeoutError, match=r"lab:3249 did not answer within 0\.02 s"):
            pair.move()
    pair.other.sendall(b"abc")
    assert pair.move() == b"abc"


def test_a_timeout_of_zero_looks_once(pair: Pair) -> None:
    pair.link.set_timeout(0)
    with pytest.raises(BlockingIOError):
        pair.move()
    pair.other.sendall(b"abc")
    assert pair.move() == b"abc"


def test_without_waiting_only_what_is_there_is_handed_over(pair: Pair) -> None:
    pair.link.set_timeout(None)
    assert pair.move(wait=False) == b""
    pair.other.sendall(b"abc")
    assert pair.move(wait=False) == b"abc"
    assert pair.move(wait=False) == b""


def test_what_did_not_fit_is_sent_later_in_its_order(pair: Pair) -> None:
    pair.link.queue(LARGE)
    pair.link.queue(b"second")
    with pytest.raises(TimeoutError):
        pair.move()
    pair.link.queue(b"third")
    pair.link.set_timeout(10)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, pair.other, len(LARGE) + len(b"secondthird"))
        moving = threading.Thread(target=lambda: pair.received.append(pair.move()))
        moving.start()
        assert reading.result(10) == LARGE + b"secondthird"
        pair.other.sendall(b"done")
        moving.join()
    assert pair.received == [b"done"]


def test_two_sides_that_send_a_lot_do_not_wait_for_each_other(pair: Pair) -> None:
    pair.link.queue(LARGE)
    pair.link.set_timeout(10)
    with ThreadPoolExecutor(1) as pool:
        # It reads nothing before it has sent everything.
        sending = pool.submit(pair.other.sendall, LARGE)
        received = 0
        while received < len(LARGE):
            received += len(pair.move())
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
    pair.link.queue(b"abc")
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
    wait_ready = sockets.wait_ready

    def tell_and_wait(
        sock: socket.socket, *, reading: bool, writing: bool, timeout: float | None
    ) -> tuple[bool, bool]:
        waits.set()
        return wait_ready(sock, reading=reading, writing=writing, timeout=timeout)

    monkeypatch.setattr(sockets, "wait_ready", tell_and_wait)
    pair.link.set_timeout(None)
    pair.link.queue(unsent)
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(pair.move)
        assert waits.wait(10)
        pair.link.close()
        with pytest.raises(ConnectionLost, match="closed by this side"):
            moving.result(10)


def test_whoever_fails_to_take_the_bytes_has_lost_the_place_in_the_stream(pair: Pair) -> None:
    def fail(data: bytes) -> None:
        raise KeyboardInterrupt

    pair.other.sendall(b"abc")
    with pytest.raises(KeyboardInterrupt):
        pair.link.move(fail)
    assert pair.other.recv(1) == b""
    with pytest.raises(ConnectionLost, match="given up: KeyboardInterrupt struck"):
        pair.move()


def test_whoever_gives_the_connection_up_says_why_to_those_who_come_later(pair: Pair) -> None:
    def give_up(data: bytes) -> None:
        raise ConnectionLost("it speaks in tongues")

    pair.other.sendall(b"abc")
    with pytest.raises(ConnectionLost, match="tongues"):
        pair.link.move(give_up)
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

        link = Watched(encrypted, "lab:3249", 1)
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
