"""One connection to the server: its requests are carried out, and answered."""

import asyncio
import inspect
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from sipyco._io.connection import ServerConnection
from sipyco._io.outgoing import write_batches
from sipyco._io.sockets import certificate_subject
from sipyco._wire import limits
from sipyco._wire.rpc_protocol import Spelled
from sipyco._wire.rpc_server import (
    BadRequest,
    Call,
    Cancelled,
    Credit,
    Event,
    MethodListAsked,
    Refused,
    ServerSession,
    StatusAsked,
    TargetChosen,
    Welcomed,
)
from sipyco.pc_rpc import _describe
from sipyco.pc_rpc._abandon import Abandon, is_cancelled
from sipyco.pc_rpc._current_call import CurrentCall, Peer, begin_call, end_call
from sipyco.pc_rpc._item_stream import give_items
from sipyco.pc_rpc._progress import ProgressReports
from sipyco.pc_rpc._runner import AnyGenerator, is_generator
from sipyco.pc_rpc._running_call import RunningCall

if TYPE_CHECKING:
    from sipyco.pc_rpc._server import Server

__all__ = ["Connection"]

logger = logging.getLogger("sipyco.pc_rpc")

_PLAIN = frozenset({type(None), bool, int, float, str, list, dict, tuple})
"""Types of which it is known without a question that they are neither awaited nor iterated over."""

FAIR_SHARE = 0.001
"""Seconds after which other connections have their turn, though requests of this one wait."""


class Connection(ServerConnection, asyncio.BufferedProtocol):
    """Drives a session over a transport, and calls what the session asks for."""

    def __init__(self, server: "Server") -> None:
        super().__init__(server)
        self.session = ServerSession(
            server.targets.keys(),
            server.description,
            max_message_size=server.max_message_size,
            staging=server.staging,
        )
        self._server = server
        self._target: object = None
        self._target_name = ""
        self._caller = Peer("unknown")
        self._waiting: deque[Event] = deque()
        self._running: dict[int, RunningCall] = {}
        self._advance_is_scheduled = False
        self._is_in_array = False
        self._writable: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._caller = Peer(self.peer, certificate_subject(transport))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Tell asyncio where to receive."""
        buffer = self.session.buffer()
        self._is_in_array = buffer is not self._server.staging
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what the client sends."""
        self._take(self.session.received(nbytes))
        if self._is_in_array:
            # The transport still holds the memory of the array, which is to belong to nobody else.
            self._advance_soon()
        else:
            self._advance()

    def resume_writing(self) -> None:
        """Go on with a client that reads its answers again."""
        super().resume_writing()
        # Not now: asyncio ends a connection twice that is closed while it resumes writing.
        self._advance_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """End. What becomes of calls that run is up to them; nobody gets their answers."""
        self._waiting.clear()
        super().connection_lost(exc)
        self._wake_streams()
        for call in list(self._running.values()):
            call.give_up()

    def close(self) -> None:
        """Close when the answers so far have been sent. Nothing more is carried out."""
        self._waiting.clear()
        self.is_closing = True
        self.flush()
        self._close_if_sent()

    def flush(self) -> None:
        """Send what there is to send, now or as soon as there is room."""
        transport, session = self.transport, self.session
        if transport is None or transport.is_closing():
            return
        if write_batches(self, transport, session.take):
            self._advance_soon()
        if self._writable is not None and self.can_write:
            self._wake_streams()
        if self.is_closing:
            self._close_if_sent()

    async def until_writable(self) -> None:
        """Wait until the client has read most of what was sent to it."""
        while not self.can_write and not self.is_closing:
            if self._writable is None:
                self._writable = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._writable)

    # Requests

    def _take(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Cancelled(request):
                    self._cancel(request)
                case Credit(request, items):
                    if request in self._running:
                        self._running[request].add_credit(items)
                case _:
                    self._waiting.append(event)
        if self._is_full():
            assert self.transport is not None
            self.transport.pause_reading()

    def _is_full(self) -> bool:
        if self.session.overlaps:
            return len(self._waiting) + len(self._running) >= limits.MAX_OVERLAPPING_CALLS
        return len(self._waiting) > limits.MAX_QUEUED_REQUESTS

    def _advance(self) -> None:
        """Carry out what waits and can begin now.

        Not for long: a client that sends many requests ahead must not keep the others waiting.
        """
        if self._waiting:
            until = time.monotonic() + FAIR_SHARE
            while self._can_begin():
                self._handle(self._waiting.popleft())
                if time.monotonic() > until:
                    break
        self.flush()
        if self.is_closing or self.transport is None:
            return
        if self._can_begin():
            self._advance_soon()
        if not self._is_full() and not self.transport.is_reading():
            self.transport.resume_reading()

    def _advance_soon(self) -> None:
        if not self._advance_is_scheduled:
            self._advance_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._advance_later)

    def _advance_later(self) -> None:
        self._advance_is_scheduled = False
        self._advance()

    def _can_begin(self) -> bool:
        if not self._waiting or self.is_closing:
            return False
        if self.session.overlaps:
            # Small answers overtake the large one that is being sent.
            return self.can_write or self.session.unsent < limits.MAX_UNSENT_ANSWERS
        return self.can_write and not self._running

    def _handle(self, event: Event) -> None:
        match event:
            case Call():
                self._call(event)
            case MethodListAsked(request):
                self._tell_methods(request)
            case StatusAsked(request):
                self._tell_status(request)
            case BadRequest(request, error):
                self._fail(request, error)
            case Welcomed():
                self.has_spoken()
            case TargetChosen(target):
                self._choose(target)
            case Refused(reason):
                logger.warning("closed the connection from %s: %s", self.peer, reason)
                self.close()

    def _cancel(self, request: int) -> None:
        if request in self._running:
            self._running[request].give_up()
            return
        # It has not begun.
        for event in self._waiting:
            if not isinstance(event, Welcomed | TargetChosen | Refused | Cancelled | Credit) and (
                event.request == request
            ):
                self._waiting.remove(event)
                self._end(request)
                return

    def _choose(self, name: str) -> None:
        server = self._server
        try:
            target = server.targets[name]
            # What makes a target may be any function of the user's.
            self._target = target() if _describe.is_factory(target) else target
            names = _describe.method_names(
                self._target, allow_private=server.allow_private, withheld=server.withheld
            )
            streams = _describe.generator_names(self._target, names)
        except BaseException as exc:
            # The client only sees its connection closed, so the log has to tell why.
            logger.exception("target %r could not be made for %s", name, self.peer)
            self.close()
            self._heed(exc)
            return
        self._target_name = name
        if server.builtin_terminate:
            names.add("terminate")
        self.session.selected(names, streams)

    def _tell_methods(self, request: int) -> None:
        server = self._server
        try:
            documentation = _describe.document_target(
                self._target,
                builtin_terminate=server.builtin_terminate,
                withheld=server.withheld,
            )
        except Exception as exc:  # noqa: BLE001  the caller waits for an answer
            self._fail(request, exc)
        else:
            self._answer(request, self.session.spell_result([documentation]))

    def _tell_status(self, request: int) -> None:
        server = self._server
        status = {
            "calls": server.runner.status(),
            "connections": len(server.connections),
            "threads": server.runner.has_thread,
        }
        self._answer(request, self.session.spell_result([status]))

    # Calls

    def _call(self, call: Call) -> None:
        server = self._server
        if call.name == "terminate" and server.builtin_terminate:
            self._answer(call.request, self.session.spell_result([None]))
            server.terminate()
            return
        current = CurrentCall(call.name, self._caller)
        if call.timeout is not None:
            current.deadline = time.monotonic() + call.timeout
        spell = self.session.spell_result
        try:
            method = _describe.look_up(
                self._target,
                call.name,
                allow_private=server.allow_private,
                withheld=server.withheld,
            )
            if not server.runner.can_run_at_once() or call.wants_progress:
                self._start(
                    call,
                    method,
                    current,
                    lambda running: server.runner.run(
                        running, method, call.args, call.kwargs, spell
                    ),
                )
                return
            outer = begin_call(current)
            try:
                result = [method(*call.args, **call.kwargs)]
            finally:
                end_call(outer)
        except BaseException as exc:  # noqa: BLE001  the caller waits for an answer, whatever it is
            self._fail(call.request, exc)
            return
        call.args, call.kwargs = (), {}  # of which the value may be one
        if type(result[0]) not in _PLAIN and (
            inspect.isawaitable(result[0]) or is_generator(result[0])
        ):
            self._start(
                call,
                method,
                current,
                lambda running: server.runner.finish(running, result, spell),
                result,
            )
        else:
            self._answer(call.request, spell(result))

    def _start(
        self,
        call: Call,
        method: Callable[..., Any],
        current: CurrentCall,
        run: Callable[[RunningCall], Coroutine[Any, Any, Spelled | AnyGenerator]],
        result: Sequence[Any] = (),
    ) -> None:
        # In lines, the client cannot say that it gives up: it may have left on purpose.
        default: Abandon = "cancel" if self.session.overlaps else "finish"
        running = RunningCall(
            current,
            self._target_name,
            is_cancelled=is_cancelled(method, self._server.abandon, default),
        )
        if call.timeout is not None:
            running.expire_after(call.timeout)
        progress = None
        if call.wants_progress:
            progress = ProgressReports(
                lambda fraction, text: self._send_progress(call.request, fraction, text)
            )
            current.tell_with(progress.tell)
        self._running[call.request] = running
        self._server.runner.start(
            running, self._perform(call.request, running, run(running), progress, result)
        )

    async def _perform(
        self,
        request: int,
        running: RunningCall,
        work: Coroutine[Any, Any, Spelled | AnyGenerator],
        progress: ProgressReports | None,
        result: Sequence[Any],
    ) -> None:
        answer: Spelled | None = None
        error: BaseException | None = None
        try:
            running.check()
            done = await work
            if isinstance(done, Spelled):
                answer = done
            else:
                answer = await give_items(self, request, running, done, self._server.runner)
        except BaseException as exc:
            is_given_up = running.current.cancelled and isinstance(exc, asyncio.CancelledError)
            if isinstance(exc, asyncio.CancelledError) and self.is_closing and not is_given_up:
                raise  # this task is cancelled, rather than the method's own business
            error = (exc.__cause__ or exc) if _is_disguised_stop(exc) else exc
        finally:
            # Python warns of coroutines that are never awaited, as when a call is given up early.
            work.close()
            if result and inspect.iscoroutine(result[0]):
                result[0].close()
            running.end()
            self._running.pop(request, None)
        if progress is not None:
            progress.finish()
        if running.is_expired and (answer is None or error is not None):
            what = f"{running.current.method}() did not end within {running.timeout:g} s"
            self._fail(request, TimeoutError(f"{what}, and was given up"))
        elif running.current.cancelled and isinstance(error, asyncio.CancelledError):
            self._end(request)
        elif error is not None:
            self._fail(request, error)
        elif answer is None or (running.current.cancelled and self.session.overlaps):
            self._end(request)
        else:
            self._answer(request, answer)
        self._advance()

    def _send_progress(self, request: int, fraction: float | None, text: str) -> bool:
        if self.session.frames is None or not self.can_write or self.is_closing:
            return False
        self.session.frames.send_progress(request, fraction, text)
        self.flush()
        return True

    # Answers

    def _answer(self, request: int, answer: Spelled) -> None:
        if not self.closed.done():
            self.session.answer(request, answer)

    def _end(self, request: int) -> None:
        if self.session.frames is not None and not self.closed.done():
            self.session.frames.end(request)

    def _fail(self, request: int, error: BaseException) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("request of %s failed", self.peer, exc_info=error)
        self._answer(request, self.session.spell_failure(error))
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

    def _close_if_sent(self) -> None:
        if not self.session.has_output:
            super().close()

    def _wake_streams(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set_result(None)


def _is_disguised_stop(error: BaseException) -> bool:
    """Tell whether Python made a RuntimeError of a StopIteration that left a coroutine."""
    return (
        isinstance(error, RuntimeError)
        and isinstance(error.__cause__, StopIteration)
        and str(error) == "coroutine raised StopIteration"
    )


def _interrupt(error: KeyboardInterrupt) -> None:
    raise error
