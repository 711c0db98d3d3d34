"""One connection to the server: its requests are carried out in order, one at a time."""

import asyncio
import functools
import inspect
import logging
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from sipyco._io.connection import ServerConnection
from sipyco._wire import limits
from sipyco._wire.rpc_server import (
    BadRequest,
    Call,
    Event,
    MethodListAsked,
    Refused,
    ServerSession,
    TargetChosen,
    Welcomed,
)
from sipyco.pc_rpc import _describe

if TYPE_CHECKING:
    from sipyco.pc_rpc._server import Server

__all__ = ["Connection"]

logger = logging.getLogger("sipyco.pc_rpc")


class Connection(ServerConnection):
    """Drives a session over a transport, and calls what the session asks for."""

    def __init__(self, server: "Server") -> None:
        super().__init__(server)
        self._server = server
        self._session = ServerSession(
            server.targets.keys(), server.description, max_message_size=server.max_message_size
        )
        self._target: object = None
        self._events: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None
        self._advance_is_scheduled = False

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        self._events.extend(self._session.receive(data))
        if len(self._events) > limits.MAX_QUEUED_REQUESTS:
            assert self.transport is not None
            self.transport.pause_reading()
        self._advance()

    def resume_writing(self) -> None:
        """Go on with requests of a client that reads its answers again."""
        super().resume_writing()
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """End. A call that runs is run to its end; nobody gets its answer."""
        self._events.clear()
        super().connection_lost(exc)

    def close(self) -> None:
        """Close when the answers so far have been sent. Nothing more is carried out."""
        self._events.clear()
        super().close()

    # Carrying out

    def _advance(self) -> None:
        """Take the next event, if it can be handled now.

        One at a time: a client that sends many requests ahead must not keep the others waiting.
        """
        if self._task is not None or not self.can_write or not self._events:
            return
        self._handle(self._events.popleft())
        if self.is_closing or self.transport is None:
            return
        if self._events and not self._advance_is_scheduled:
            self._advance_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._advance_later)
        elif not self._events and not self.transport.is_reading():
            self.transport.resume_reading()

    def _advance_later(self) -> None:
        self._advance_is_scheduled = False
        self._advance()

    def _handle(self, event: Event) -> None:
        match event:
            case Call():
                self._call(event)
            case MethodListAsked(request):
                self._tell_methods(request)
            case BadRequest(request, error):
                self._fail(request, error)
            case Welcomed(greeting):
                self.has_spoken()
                self.write(greeting)
            case TargetChosen(target):
                self._choose(target)
            case Refused(reason):
                logger.warning("closed the connection from %s: %s", self.peer, reason)
                self.close()

    def _choose(self, name: str) -> None:
        server = self._server
        try:
            target = server.targets[name]
            # What makes a target may be any function of the user's.
            self._target = target() if _describe.is_factory(target) else target
            names = _describe.method_names(self._target, allow_private=server.allow_private)
        except BaseException as exc:
            # The client only sees its connection closed, so the log has to tell why.
            logger.exception("target %r could not be made for %s", name, self.peer)
            self.close()
            self._heed(exc)
            return
        if server.builtin_terminate:
            names.add("terminate")
        self.write(self._session.selected(names))

    def _tell_methods(self, request: int) -> None:
        server = self._server
        try:
            documentation = _describe.document_target(
                self._target, builtin_terminate=server.builtin_terminate
            )
        except Exception as exc:  # noqa: BLE001  the caller waits for an answer
            self._fail(request, exc)
        else:
            self.write(self._session.returned(request, documentation))

    def _call(self, call: Call) -> None:
        server = self._server
        if call.name == "terminate" and server.builtin_terminate:
            self.write(self._session.returned(call.request, None))
            server.terminate()
            return
        spell = functools.partial(self._session.returned, call.request)
        try:
            method = _describe.look_up(self._target, call.name, allow_private=server.allow_private)
            if not server.runner.can_run_at_once():
                running = server.runner.run(call.name, method, call.args, call.kwargs, spell)
                self._start(call, running)
                return
            value = method(*call.args, **call.kwargs)
        except BaseException as exc:  # noqa: BLE001  the caller waits for an answer, whatever it is
            self._fail(call.request, exc)
            return
        if inspect.isawaitable(value):
            self._start(call, server.runner.finish(value, spell))
        else:
            self.write(spell(value))

    def _start(self, call: Call, running: Coroutine[Any, Any, bytes]) -> None:
        self._task = self._server.runner.start(self._perform(call, running))

    async def _perform(self, call: Call, running: Coroutine[Any, Any, bytes]) -> None:
        try:
            answer = await running
        except BaseException as exc:
            if isinstance(exc, asyncio.CancelledError) and self.is_closing:
                raise  # this task is cancelled, rather than the method's own business
            if _is_disguised_stop(exc):
                exc = exc.__cause__ or exc
            self._fail(call.request, exc)
        else:
            self.write(answer)
        finally:
            self._task = None
        self._advance()

    def _fail(self, request: int, error: BaseException) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("request of %s failed", self.peer, exc_info=error)
        self.write(self._session.failed(request, error))
        self._heed(error)

    def _heed(self, error: BaseException) -> None:
        """Let an exception that asks the program to end do so, where that is allowed."""
        if isinstance(error, SystemExit) and self._server.builtin_terminate:
            logger.warning("a method called by %s ends this server: %r", self.peer, error)
            self._server.terminate()
        elif isinstance(error, KeyboardInterrupt):
            # Ctrl-C was meant for this program too. Raised from here, uvloop would only close the
            # connection.
            asyncio.get_running_loop().call_soon(_interrupt, error)


def _is_disguised_stop(error: BaseException) -> bool:
    """Tell whether Python made a RuntimeError of a StopIteration that left a coroutine."""
    return (
        isinstance(error, RuntimeError)
        and isinstance(error.__cause__, StopIteration)
        and str(error) == "coroutine raised StopIteration"
    )


def _interrupt(error: KeyboardInterrupt) -> None:
    raise error
