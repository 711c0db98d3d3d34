"""The server: gives objects to clients."""

import asyncio
import functools
import operator
import sys
from collections.abc import Callable, Collection, Mapping
from numbers import Real
from typing import Any

from sipyco import pyon
from sipyco._io.connection import ConnectionServer
from sipyco._wire import limits
from sipyco._wire.frames import FEATURE_FRAMES
from sipyco._wire.rpc_protocol import BANNER
from sipyco._wire.rpc_server import ServerSession
from sipyco.pc_rpc import _describe
from sipyco.pc_rpc._abandon import Abandon, check_abandon
from sipyco.pc_rpc._connection import Connection
from sipyco.pc_rpc._runner import Runner
from sipyco.pyon._on_demand import import_spellings

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
            one target, named after its class in lower case. A name that no client could choose,
            as one with a line break, keeps the server from starting: ValueError or TypeError.
        description: What people should know about this server, or None.
        builtin_terminate: Clients can end the server: all targets get a method ``terminate``,
            which makes :meth:`wait_terminate` return. So does a method that raises SystemExit.
        allow_parallel: Coroutine methods run at the same time, also those called by one client.
        threads: Plain methods run in one worker thread, still one after the other. Meanwhile the
            server accepts connections, answers pings and can be terminated. The thread is not
            the main one, and always the same.
        allow_private: Methods whose name begins with one underscore can be called too.
        busy_ping_after: Seconds that a ``ping()`` without arguments waits behind another call
            until the server answers it with True itself, without calling it; None to let it
            wait. The event loop must be free: coroutine methods, or ``threads``.
        max_message_size: Bytes allowed in a request.
        abandon: What becomes of a call that its caller gives up: by a timeout, by cancelling it or
            by leaving. ``"cancel"``: a coroutine is cancelled, and what has not begun does not
            begin. ``"finish"``: it is carried out to its end. None: the former, unless the
            client is of an older version, which can only leave. :func:`rpc_method` says
            otherwise for single methods.
        withheld: Names of methods that are not for clients although they are public, such as
            ``close``, which the program that serves the driver calls itself.

    Raises:
        TypeError: ``targets`` is None, or an option is not of its type.

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
        abandon: Abandon | None = None,
        withheld: Collection[str] = (),
    ) -> None:
        super().__init__()
        import_spellings()  # or the first client would wait for it, perhaps with a short timeout
        if targets is None:
            raise TypeError("targets is None; give a dict of names and objects, or one object")
        _check_numbers(busy_ping_after, max_message_size)
        check_abandon(abandon)
        self.targets: Mapping[str, Any] = (
            targets if isinstance(targets, Mapping) else {_default_name(targets): targets}
        )
        self.description = description
        self.builtin_terminate = builtin_terminate
        self.allow_private = allow_private
        self.max_message_size = max_message_size
        self.abandon = abandon
        if isinstance(withheld, str):
            raise TypeError(f"withheld is {withheld!r}; give a list of names")
        self.withheld = frozenset(withheld)
        self.staging = memoryview(bytearray(limits.STAGING_SIZE))  # one connection at a time
        self._make_runner = functools.partial(
            Runner, allow_parallel=allow_parallel, threads=threads, busy_ping_after=busy_ping_after
        )
        self.runner = self._make_runner()
        self._terminated = asyncio.Event()
        self._was_stopped = False

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

    def _prepare(self) -> None:
        _check_greeting(self.targets, self.description)
        if not self._was_stopped:
            return
        # A coroutine that did not heed its cancellation keeps its turn in the old one for ever.
        self.runner = self._make_runner()
        # Who still waits since before is not left behind.
        if self._terminated.is_set():
            self._terminated = asyncio.Event()
        self._was_stopped = False

    async def _end_work(self) -> None:
        self._was_stopped = True
        await self.runner.stop()

    @staticmethod
    def _document_function(
        function: Callable[..., Any],
    ) -> tuple[dict[str, Any], str | None]:
        """Return the argument specification and the docstring of a function."""
        return _describe.document_function(function)

    def _make_protocol(self) -> asyncio.BaseProtocol:
        return Connection(self)


def _default_name(target: object) -> str:
    named = target if isinstance(target, type) else type(target)
    return named.__name__.lower()


def _check_numbers(busy_ping_after: object, max_message_size: object) -> None:
    if busy_ping_after is not None and not isinstance(busy_ping_after, Real):
        raise TypeError(f"busy_ping_after is {busy_ping_after!r}; give seconds, or None")
    try:
        operator.index(max_message_size)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        raise TypeError(f"max_message_size is {max_message_size!r}; give bytes, an int") from None


def _check_greeting(targets: Mapping[str, Any], description: str | None) -> None:
    """Find now what would otherwise only cut the connection of each client.

    Raises:
        TypeError: A name or the description is no str.
        ValueError: A name or the description cannot travel.
    """
    for name in targets:
        _check_name(name)
    if description is not None and not isinstance(description, str):
        raise TypeError(
            f"the description is of type {type(description).__name__!r}; give a str or None"
        )
    try:
        session = ServerSession(targets.keys(), description)
        session.receive(BANNER + b"\n")
    except (pyon.EncodeError, ValueError) as exc:
        raise ValueError(f"clients cannot be greeted: {exc}") from None
    size, limit = sum(map(len, session.take(sys.maxsize))), limits.MAX_GREETING_SIZE
    if size > limit:
        raise ValueError(
            f"the names of the targets and the description take {size} bytes; clients read {limit}"
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the target name {name!r} is of type {type(name).__name__!r}; give a str")
    if not name or "\n" in name or "\r" in name:
        raise ValueError(f"{name!r} is no target name; it needs a character, and no line breaks")
    try:
        size = len(f"{name} {FEATURE_FRAMES}".encode())
    except UnicodeEncodeError:
        raise ValueError(f"the target name {name!r} cannot be sent: it is not UTF-8") from None
    if size > limits.MAX_HANDSHAKE_LINE_SIZE:
        raise ValueError(
            f"the target name {name[:20]!r}... makes a line of {size} bytes when a client chooses "
            f"it; the limit is {limits.MAX_HANDSHAKE_LINE_SIZE} bytes"
        )
