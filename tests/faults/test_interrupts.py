"""Ctrl-C strikes a call anywhere, and the next call gets its own answer or none."""

import contextlib
import dis
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, Self

import pytest

from sipyco._io.waiting import Waiter
from sipyco._wire.rpc_client import ClientSession
from sipyco._wire.rpc_protocol import Spelled
from sipyco.pc_rpc import AsyncioClient, Client, ConnectionLost
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_peers import Peer, scripted
from tests.rpc_servers import run
from tests.serving import served

STRUCK = ("sipyco._wire", "sipyco._io", "sipyco.pc_rpc")


class Slow:
    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.heard: list[Any] = []

    def wait(self) -> str:
        self.begun.set()
        self.go_on.wait(10)
        return "late"

    def echo(self, value: Any) -> Any:
        self.heard.append(value)
        return value


class Striker:
    """Sends the main thread a Ctrl-C while it waits in a call, its request being sent.

    A server cannot tell when that is: the client may still be busy noting what it has sent.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._main = threading.get_ident()
        self._waits = threading.Event()
        self._is_due = False
        wait = Waiter.wait

        def tell_and_wait(waiter: Waiter, **options: Any) -> tuple[bool, bool]:
            self._waits.set()
            return wait(waiter, **options)

        monkeypatch.setattr(Waiter, "wait", tell_and_wait)

    @contextlib.contextmanager
    def striking(self, when: threading.Event) -> Iterator[None]:
        """Strike in the block, once, in a wait after the event."""

        def strike() -> None:
            when.wait(10)
            self._waits.wait(10)
            # A signal between the interpreter's last look and the wait is noticed after it.
            while self._is_due:
                signal.pthread_kill(self._main, signal.SIGINT)
                done.wait(0.01)

        def handle(*_: object) -> None:
            if self._is_due:
                self._is_due = False
                raise KeyboardInterrupt

        done = threading.Event()
        self._waits.clear()
        self._is_due = True
        thread = threading.Thread(target=strike)
        earlier = signal.signal(signal.SIGINT, handle)
        thread.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                yield
        finally:
            self._is_due = False
            done.set()
            thread.join()
            signal.signal(signal.SIGINT, earlier)


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot signal a thread")


@needs_signals
def test_ctrl_c_during_a_call_leaves_the_client_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    with served({"slow": slow}) as port, Client("127.0.0.1", port) as client:
        striker = Striker(monkeypatch)
        for _ in range(3):
            slow.begun.clear()
            slow.go_on.clear()
            with striker.striking(slow.begun):
                client.wait()
            slow.go_on.set()
            assert [client.echo(number) for number in range(3)] == [0, 1, 2]


@needs_signals
def test_ctrl_c_while_the_server_does_not_read_leaves_whole_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_on, now = threading.Event(), threading.Event()
    now.set()
    names: list[str] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        read_on.wait(10)
        while request := peer.request():
            names.append(request["name"])
            peer.answer(request["name"])

    with scripted(script, receive_buffer=1 << 16) as port, Client("127.0.0.1", port) as client:
        with Striker(monkeypatch).striking(now):
            client.echo("x" * (8 << 20))
        read_on.set()
        assert client.other() == "other"
    assert names == ["echo", "other"]


@functools.cache
def where_signals_strike(code: CodeType) -> frozenset[int]:
    """Return the offsets of the instructions before which the interpreter looks for signals."""
    offsets = set()
    previous = ""
    for instruction in dis.get_instructions(code):
        if (
            previous.startswith("CALL")
            or instruction.opname == "RESUME"
            or "JUMP_BACKWARD" in instruction.opname
        ):
            offsets.add(instruction.offset)
        previous = instruction.opname
    return frozenset(offsets)


class Strike:
    """Raises where Ctrl-C could, in this library, when as many chances were let pass."""

    def __init__(self, chances: int, error: Callable[[], BaseException]) -> None:
        self.remaining = chances
        self.error = error
        self.place = ""
        # The interpreter looks for signals when a call of a C function is over, and not when a
        # Python function returns.
        self._has_just_returned = False

    def __enter__(self) -> Self:
        self._earlier = sys.gettrace()
        sys.settrace(self._enter_frame)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._earlier)

    def _enter_frame(self, frame: FrameType, event: str, argument: object) -> Any:
        frame.f_trace_lines = False
        frame.f_trace_opcodes = frame.f_globals.get("__name__", "").startswith(STRUCK)
        self._has_just_returned = False
        return self._trace

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        has_returned, self._has_just_returned = self._has_just_returned, event == "return"
        if event == "opcode" and frame.f_lasti in where_signals_strike(frame.f_code):
            self.remaining -= not has_returned
            if self.remaining == 0:
                self.remaining = -1
                self.place = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
                raise self.error()
        return self._trace


class Struck(Exception):
    """What a handler of SIGALRM may raise."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Struck, TimeoutError, OSError])
def test_a_call_that_is_struck_anywhere_runs_once_and_gives_its_answer_to_nobody_else(
    error: type[BaseException],
) -> None:
    wrong = []
    slow = Slow()
    with served({"slow": slow}) as port:
        client = Client("127.0.0.1", port, timeout=5)
        chances = 0
        struck = True
        while struck:
            chances += 1
            strike = Strike(chances, error)
            # Python 3.12 and newer trace the instructions of a function only when it has been
            # traced before, and forget that after an exception.
            for _ in range(2):
                with Strike(1_000_000, error):
                    client.echo(0)
            try:
                with strike:
                    client.echo(f"struck {chances}")
            except (error, ConnectionLost):
                pass
            struck = bool(strike.place)
            try:
                for number in range(2):
                    answer = client.echo(number)
                    if answer != number:
                        wrong.append((strike.place, answer))
            except TimeoutError:
                wrong.append((strike.place, "nothing"))
                client.close_rpc()
                client = Client("127.0.0.1", port, timeout=5)
            except ConnectionLost:
                client.close_rpc()
                client = Client("127.0.0.1", port, timeout=5)
        client.close_rpc()
    assert chances > 10  # as many as the interpreter gives: it has become more sparing since 3.11
    assert not wrong
    calls = [value for value in slow.heard if isinstance(value, str)]
    assert len(set(calls)) == len(calls)


@every_loop
def test_a_request_that_was_counted_and_not_sent_ends_the_connection(
    loop_factory: LoopFactory,
) -> None:
    # Otherwise its answer would be waited for, and the next one be taken for it.
    def strike(session: ClientSession, request: Spelled) -> int:
        ask(session, request)
        raise Struck

    ask = ClientSession.ask

    async def main(port: int) -> None:
        client = AsyncioClient()
        await client.connect_rpc("127.0.0.1", port)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ClientSession, "ask", strike)
            with pytest.raises(Struck):
                await client.echo(1)
        with pytest.raises(ConnectionLost):
            await client.echo(2)
        await client.close_rpc()

    with served({"slow": Slow()}, loop_factory=loop_factory) as port:
        run(main(port), loop_factory)
