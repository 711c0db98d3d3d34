"""The fixture ``faulty_link``: a TCP connection that can be slow, cut, deaf and half open."""

import asyncio
import contextlib
import math
import socket
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from ndsp.testing._link_connection import LinkConnection
from ndsp.testing._link_state import Direction, LinkState

__all__ = ["FaultyLink", "FaultyLinkFactory"]

T = TypeVar("T")

DIRECTIONS: dict[str, frozenset[Direction]] = {
    "to_server": frozenset({"to_server"}),
    "to_client": frozenset({"to_client"}),
    "both": frozenset({"to_server", "to_client"}),
}


class FaultyLink:
    """Listens on a port of its own and passes everything on to a server, as well as it may.

    Its faults can be changed at any time, and combined; each method returns when it holds. The
    connections are real ones, so that what happens is what the operating system does.

    Args:
        host: Name or address of the server.
        port: TCP port of the server. It need not listen yet: who connects to the link while it
            does not is reset.

    Attributes:
        host: Address to connect to instead of the server's.
        port: TCP port to connect to.

    Raises:
        OSError: The name of the server is not known.
    """

    __module__ = "ndsp.testing"

    def __init__(self, host: str, port: int) -> None:
        self._addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self._connections: dict[asyncio.Task[None], LinkConnection] = {}
        self._cutting: set[asyncio.Task[None]] = set()
        self._runs = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.host, self.port = self._listener.getsockname()[:2]
        name = f"faulty link to {host}:{port}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._runs.wait()

    def slow(self, bytes_per_second: float = math.inf, latency: float = 0.0) -> None:
        """Let little through, late.

        Args:
            bytes_per_second: So much in each direction, for all connections together.
            latency: Seconds that everything takes in addition, in each direction.
        """
        if not (bytes_per_second > 0 and 0 <= latency < math.inf):  # nor what is no number
            raise ValueError(
                f"cannot pass on {bytes_per_second!r} bytes per second with a latency of "
                f"{latency!r} s; give more than 0, and 0 or more; deaf() passes nothing on"
            )
        self._call(lambda: self._state.slow(bytes_per_second, latency))

    def cut(
        self,
        *,
        after_bytes: int | None = None,
        direction: Direction = "to_client",
        reset: bool = False,
    ) -> None:
        """End all connections; new ones can be made.

        Args:
            after_bytes: Not now, but when so many more bytes have gone through, of which not one
                more arrives.
            direction: In which direction they are counted.
            reset: With a reset (``ConnectionResetError``), as after a crash, instead of the
                orderly end that a program that closes its socket makes. What was on its way may
                be lost, then.
        """
        if after_bytes is None:
            self._await(lambda: self._cut(reset=reset))
            return
        if after_bytes < 0:
            raise ValueError(f"cannot cut after {after_bytes!r} bytes; 0 or more are possible")
        self._call(lambda: self._state.cut_after(after_bytes, direction, reset=reset))

    def deaf(self, direction: Direction | Literal["both"] = "both") -> None:
        """Pass nothing on, but accept connections; the sender's buffers fill up some time.

        What is held, ends of connections included, arrives after :meth:`restore`.
        """
        self._call(lambda: self._state.deaf(DIRECTIONS[direction]))

    def half_open(self) -> None:
        """Let the server's side be gone without a word, as when its machine has lost power.

        Clients, new ones too, stay connected, and what they send is swallowed. The server sees
        the end of the connections.
        """
        self._call(self._half_open)

    def restore(self) -> None:
        """Let everything through again.

        Connections that are half open are reset, as by a machine that has started again and knows
        nothing of them.
        """
        self._await(self._restore)

    @property
    def connections(self) -> int:
        """How many clients are connected through the link."""
        return self._call(lambda: len(self._connections))

    def close(self) -> None:
        """End everything. It can be called again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._listener.close()

    def _call(self, function: Callable[[], T]) -> T:
        async def call() -> T:
            return function()

        return self._await(call)

    def _await(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if not self._thread.is_alive():
            raise RuntimeError(f"cannot change the link on port {self.port}: it is closed")
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result()

    # What follows runs in the thread of the link.

    def _run(self) -> None:
        # The one that is the same everywhere, and that no policy changes.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._accept())

    async def _accept(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._state = LinkState(self._cut_soon)
        accepting = asyncio.ensure_future(self._accept_forever())
        self._runs.set()
        await self._stopping.wait()
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        await self._cut()

    async def _accept_forever(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = LinkConnection(client, self._addresses, self._state)
            task = asyncio.ensure_future(connection.run())
            self._connections[task] = connection
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task).close()

    async def _cut(self, *, reset: bool = False, orphans_only: bool = False) -> None:
        tasks = []
        for task, connection in self._connections.items():
            if connection.is_orphan or not orphans_only:
                connection.reset = reset
                task.cancel()
                tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut_soon(self, reset: bool) -> None:
        task = asyncio.ensure_future(self._cut(reset=reset))
        self._cutting.add(task)
        task.add_done_callback(self._cutting.discard)

    def _half_open(self) -> None:
        self._state.is_half_open = True
        for connection in self._connections.values():
            connection.orphan()

    async def _restore(self) -> None:
        self._state.restore()
        await self._cut(reset=True, orphans_only=True)


class FaultyLinkFactory:
    """What the fixture ``faulty_link`` is: call it to make a link, which ends with the test."""

    __module__ = "ndsp.testing"

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Make links within ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all of them."""
        self._stack.close()

    def __call__(self, host: str, port: int) -> FaultyLink:
        """Make a link to a server, as :class:`FaultyLink` describes."""
        return self._stack.enter_context(contextlib.closing(FaultyLink(host, port)))
