"""The server: gives objects to clients."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from sipyco._io.connection import ConnectionServer
from sipyco._wire import limits
from sipyco.pc_rpc import _describe
from sipyco.pc_rpc._connection import Connection
from sipyco.pc_rpc._runner import Runner

__all__ = ["Server"]


class Server(ConnectionServer):
    """Gives the methods of objects to clients over TCP.

    Plain methods are called in the event loop, which then stands still, unless ``threads`` is
    set; coroutine methods are awaited. Calls of all connections take turns, in the order in which
    they came.

    A target that is a class, a function, a bound method or a :class:`functools.partial` is
    called once for each connection, and what it returns is the target of that connection.

    Args:
        targets: Names and the objects whose methods clients may call. A single object instead is
            one target, named after its class in lower case.
        description: What people should know about this server, or None.
        builtin_terminate: Clients can end the server: all targets get a method ``terminate``,
            which makes :meth:`wait_terminate` return. So does a method that raises SystemExit.
        allow_parallel: Coroutine methods called by different clients run at the same time.
        threads: Plain methods run in one worker thread, still one after the other. Meanwhile the
            server accepts connections, answers pings and can be terminated. The thread is not
            the main one, and always the same.
        allow_private: Methods whose name begins with one underscore can be called too.
        busy_ping_after: Seconds that a ``ping()`` without arguments waits behind another call
            until the server answers it with True itself, without calling it; None to let it
            wait. The event loop must be free: coroutine methods, or ``threads``.
        max_message_size: Bytes allowed in a request.

    Attributes:
        targets: As given. Changes concern connections made from then on.
        description: As given, likewise.
        server: The :class:`asyncio.Server`; its port is ``server.sockets[0].getsockname()[1]``.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(
        self,
        targets: Mapping[str, Any] | object,
        description: str | None = None,
        builtin_terminate: bool = False,
        allow_parallel: bool = False,
        *,
        threads: bool = False,
        allow_private: bool = False,
        busy_ping_after: float | None = limits.BUSY_PING_AFTER,
        max_message_size: int = limits.MAX_MESSAGE_SIZE,
    ) -> None:
        super().__init__()
        self.targets: Mapping[str, Any] = (
            targets if isinstance(targets, Mapping) else {_default_name(targets): targets}
        )
        self.description = description
        self.builtin_terminate = builtin_terminate
        self.allow_private = allow_private
        self.max_message_size = max_message_size
        self.runner = Runner(
            allow_parallel=allow_parallel, threads=threads, busy_ping_after=busy_ping_after
        )
        self._terminated = asyncio.Event()

    def terminate(self) -> None:
        """Make :meth:`wait_terminate` return. From the thread of the event loop only."""
        self._terminated.set()

    async def wait_terminate(self) -> None:
        """Wait until a client, or :meth:`terminate`, asks the server to end. It goes on serving."""
        await self._terminated.wait()

    async def stop(self) -> None:
        """Stop listening, cancel coroutine methods that run, close all connections, and wait.

        Answers that were given are sent first, unless a client does not read them in two
        seconds. Coroutine methods have as long to clean up. A plain method that runs in the
        worker thread is not waited for.
        """
        await super().stop()

    async def _end_work(self) -> None:
        await self.runner.stop()

    @staticmethod
    def _document_function(
        function: Callable[..., Any],
    ) -> tuple[dict[str, Any], str | None]:
        """Return the argument specification and the docstring of a function."""
        return _describe.document_function(function)

    def _make_protocol(self) -> asyncio.Protocol:
        return Connection(self)


def _default_name(target: object) -> str:
    named = target if isinstance(target, type) else type(target)
    return named.__name__.lower()
