"""Peers made of a script: they say given bytes to a client, slowly, cut, or not at all."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal

from sipyco import pyon

Syntax = Literal["python", "json"]

PATIENCE = 20.0
"""Seconds after which a script that hears nothing fails."""


class Peer:
    """One connection of a client, in the hands of a script.

    Attributes:
        sock: The accepted socket.
        syntax: How values are spelled.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.syntax: Syntax = "json"
        self._heard = bytearray()

    def line(self) -> bytes:
        """Return the next line that the client sends, without its end; empty when it has left."""
        begin = 0
        while (end := self._heard.find(b"\n", begin)) < 0:
            begin = len(self._heard)
            data = self.sock.recv(1 << 20)
            if not data:
                return b""
            self._heard += data
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return line

    def request(self) -> dict[str, Any]:
        """Return the next request of the client, decoded; an empty dict when it has left."""
        line = self.line()
        request: dict[str, Any] = pyon.decode(line, syntax=self.syntax) if line else {}
        return request

    def until_it_leaves(self) -> None:
        """Read until the client has closed the connection."""
        while self.line():
            pass

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def welcome(
        self,
        syntax: Syntax = "json",
        targets: Collection[str] = ("dev",),
        methods: Collection[str] = ("echo", "other"),
    ) -> str:
        """Carry out the handshake as a server of 1.9 (Python syntax) or 1.10 (JSON) does.

        Returns:
            The line with which the client selected its target.
        """
        self.syntax = syntax
        banner = self.line()
        if not banner:
            raise ConnectionResetError("the client has left")
        assert banner == b"ARTIQ pc_rpc"
        self.say(greeting(syntax, targets))
        selection = self.line().decode()
        self.say(spelled(set(methods), syntax))
        return selection

    def answer(self, value: Any) -> None:
        self.say(returned(value, self.syntax))

    def reset(self) -> None:
        """Break the connection off, as a crashing machine does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = Callable[[Peer], None]


def spelled(value: Any, syntax: Syntax = "json") -> bytes:
    return pyon.encode(value, syntax=syntax).encode() + b"\n"


def greeting(syntax: Syntax = "json", targets: Collection[str] = ("dev",)) -> bytes:
    words: dict[str, Any] = {"targets": list(targets), "description": None}
    if syntax == "json":
        words["features"] = ["pyon_v2"]
    return spelled(words, "json")


def returned(value: Any, syntax: Syntax = "json") -> bytes:
    return spelled({"status": "ok", "ret": value}, syntax)


def echoing(peer: Peer) -> None:
    """Answer every request with its first argument."""
    peer.welcome()
    while request := peer.request():
        peer.answer(request["args"][0])


def taking_turns(*scripts: Script) -> Script:
    """Make a script of which each connection gets the next part; later ones get the last."""
    remaining = list(scripts)

    def script(peer: Peer) -> None:
        (remaining.pop(0) if len(remaining) > 1 else remaining[0])(peer)

    return script


@contextlib.contextmanager
def scripted(script: Script, *, port: int = 0, receive_buffer: int | None = None) -> Iterator[int]:
    """Run the script with each client that connects to the port, which is yielded.

    The connection ends with its script. An assertion that fails in a script fails the test; an
    error of the connection does not, since the client may leave at any time.
    """
    listener = socket.create_server(("127.0.0.1", port))
    if receive_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    ending = threading.Event()
    failures: list[BaseException] = []
    connections: list[tuple[socket.socket, threading.Thread]] = []

    def perform(sock: socket.socket) -> None:
        with sock:
            sock.settimeout(PATIENCE)
            # What was said has then arrived: the tests rely on it.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                script(Peer(sock))
            except TimeoutError as exc:
                failures.append(exc)
            except OSError:
                pass
            except BaseException as exc:
                failures.append(exc)

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            if ending.is_set():
                sock.close()
                return
            thread = threading.Thread(target=perform, args=(sock,), name="script")
            connections.append((sock, thread))
            thread.start()

    acceptor = threading.Thread(target=accept, name="scripted peer")
    acceptor.start()
    address = listener.getsockname()
    try:
        yield address[1]
    finally:
        ending.set()
        socket.create_connection(address).close()
        acceptor.join()
        listener.close()
        for sock, thread in connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join()
    if failures:
        raise failures[0]


def unused_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
