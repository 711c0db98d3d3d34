"""Recorded clients talk to our server, and our clients to recorded servers.

Private methods were offered by the recorded servers: ours is told to offer them too.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import numpy as np
import pytest

from sipyco import pyon
from sipyco._wire.rpc_client import ClientSession, Failed, Greeted, Returned, Selected
from sipyco.pc_rpc import AsyncioClient, Client, GenericRemoteException, IncompatibleServer, Server
from sipyco.pc_rpc._connection import Connection
from tests.interop.transcripts import VERSIONS, Aux, Device, halves, lines_of, same_answer

RPC_CONVERSATIONS = (
    "rpc_calls",
    "rpc_method_list",
    "rpc_bad_banner",
    "rpc_unknown_target_raw",
    "rpc_unknown_action",
    "rpc_unknown_method",
    "rpc_garbage_line",
    "rpc_terminate",
    "rexec",
)

ENDED_BY_THE_SERVER = {"rpc_bad_banner", "rpc_unknown_target_raw", "rpc_garbage_line"}

TRACEBACK = ['  File "driver.py", line 1, in method\n']


class RecordingTransport(asyncio.Transport):
    """What our server writes, and whether it closed."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock, "peername": ("127.0.0.1", 1)})
        self.written = b""
        self.closed = False
        self._changed = asyncio.Event()

    async def wait_for(self, answers: int, *, closed: bool) -> None:
        while self.written.count(b"\n") < answers or (closed and not self.closed):
            self._changed.clear()
            await self._changed.wait()

    def write(self, data: Any) -> None:
        self.written += data
        self._changed.set()

    def close(self) -> None:
        self.closed = True
        self._changed.set()

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return True


def spoken_syntax(selection: str) -> Literal["python", "json"]:
    return "json" if selection.rstrip().endswith("pyon_v2") else "python"


async def our_answers(
    server: Server, stream: bytes, cut: int, answers: int, *, closed: bool
) -> RecordingTransport:
    """Send the stream in two pieces to a connection of our server."""
    with socket.socket() as sock:
        transport = RecordingTransport(sock)
        connection = Connection(server)
        connection.connection_made(transport)
        for piece in (stream[:cut], stream[cut:]):
            if piece:
                connection.get_buffer(-1)[: len(piece)] = piece
                connection.buffer_updated(len(piece))
        await transport.wait_for(answers, closed=closed)
        connection.connection_lost(None)
    return transport


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RPC_CONVERSATIONS)
def test_our_server_answers_a_recorded_client_alike_at_every_cut(name: str, version: str) -> None:
    sent = lines_of(version, name, "client")
    recorded = lines_of(version, name, "server")
    stream = "".join(sent).encode()
    syntaxes: list[Literal["python", "json"]] = ["json"]
    if len(sent) > 1:
        syntaxes += [spoken_syntax(sent[1])] * len(recorded)

    def check(transport: RecordingTransport) -> None:
        ours = transport.written.decode().splitlines()
        assert len(ours) == len(recorded)
        for our_line, their_line, syntax in zip(ours, recorded, syntaxes, strict=False):
            our_value = pyon.decode(our_line, syntax=syntax)
            # The greeting of 1.9 has the blanks of Python, but is JSON as well.
            assert same_answer(our_value, pyon.decode(their_line, syntax=syntax)), our_line
        assert transport.closed == (name in ENDED_BY_THE_SERVER)

    async def every_cut() -> None:
        # Classes, so that every connection gets an object of its own.
        targets = {"dev": Device, "aux": Aux}
        server = Server(targets, "desc", builtin_terminate=True, allow_private=True)
        await server.start("127.0.0.1", 0)
        closed = name in ENDED_BY_THE_SERVER
        for cut in range(len(stream)):
            check(await our_answers(server, stream, cut, len(recorded), closed=closed))
        await server.stop()

    asyncio.run(every_cut())


class SteppedClient:
    """A client session whose server is a list of recorded lines, each cut at one place."""

    def __init__(self, answers: list[str], cut: int) -> None:
        self.session = ClientSession("recorded:1")
        self.session.connect()
        self.sent = b""
        self._answers = iter(answers)
        self._cut = cut

    def hear(self) -> Any:
        line = next(self._answers).encode()
        cut = min(self._cut, len(line))
        events = self.session.receive(line[:cut]) + self.session.receive(line[cut:])
        (event,) = events
        return event

    def select(self, target: str) -> Any:
        self.session.select(target)
        self.send()
        return self.hear()

    def send(self) -> None:
        while parts := self.session.take(1 << 20):
            self.sent += b"".join(parts)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        number = self.session.ask(self.session.spell_call(name, args, kwargs))
        self.send()
        event = self.hear()
        assert event.request == number
        return event.value if isinstance(event, Returned) else event.error


def assert_same_requests(ours: bytes, version: str, name: str) -> None:
    recorded = lines_of(version, name, "client")
    our_lines = ours.decode().splitlines(keepends=True)
    assert our_lines[:2] == recorded[:2]
    syntax = spoken_syntax(recorded[1])
    for our_line, their_line in zip(our_lines[2:], recorded[2:], strict=True):
        assert our_line == their_line  # byte for byte, since neither spelling loses anything here
        pyon.decode(our_line, syntax=syntax)


def longest(answers: list[str]) -> int:
    return max(len(answer) for answer in answers)


@pytest.mark.parametrize("version", VERSIONS)
def test_our_session_talks_to_a_recorded_server_alike_at_every_cut(version: str) -> None:
    answers = lines_of(version, "rpc_calls", "server")
    for cut in range(longest(answers)):
        client = SteppedClient(answers, cut)
        assert isinstance(client.hear(), Greeted)
        assert "echo" in client.select("dev").methods
        assert client.call("set_value", 1.5, channel=2) is None
        assert client.call("get_value") == 1.5
        value = (1, [2, {"a": b"x", 3: None}])
        assert client.call("echo", value) == value
        np.testing.assert_array_equal(client.call("echo", np.arange(3)), np.arange(3))
        assert client.call("slow") == "done"
        assert repr(client.call("fail")) == "ValueError('bad value')"
        custom = client.call("fail_custom")
        assert type(custom) is GenericRemoteException
        assert custom.args == ("Device.fail_custom.<locals>.MyError: custom",)
        assert isinstance(client.call("unserializable"), TypeError)
        assert isinstance(client.call("echo"), TypeError)
        assert client.call("_private") == "private"
        assert_same_requests(client.sent, version, "rpc_calls")


@pytest.mark.parametrize("version", VERSIONS)
def test_our_session_reads_recorded_method_lists_at_every_cut(version: str) -> None:
    answers = lines_of(version, "rpc_method_list", "server")
    for cut in range(longest(answers)):
        client = SteppedClient(answers, cut)
        client.hear()
        assert isinstance(client.select("dev"), Selected)
        number = client.session.ask(client.session.spell_method_list())
        client.send()
        event = client.hear()
        assert event.request == number
        assert event.value["docstring"] == "A small device."
        spec, docstring = event.value["methods"]["set_value"]
        assert spec["defaults"] == (0,)
        assert docstring == "Sets the value."
        assert_same_requests(client.sent, version, "rpc_method_list")


@pytest.mark.parametrize("version", VERSIONS)
def test_our_session_executes_code_on_a_recorded_server(version: str) -> None:
    client = SteppedClient(lines_of(version, "rexec", "server"), 0)
    client.hear()
    client.select("aux")
    assert client.call("add_code", "def f(a,b=1): return a+b") is None
    assert client.call("call", "f", 2, b=3) == 5
    assert_same_requests(client.sent, version, "rexec")


@pytest.mark.parametrize("version", VERSIONS)
def test_our_session_reads_recorded_failures(version: str) -> None:
    for name, cls in (("rpc_unknown_action", ValueError), ("rpc_unknown_method", AttributeError)):
        greeting, _, failure = lines_of(version, name, "server")
        session = ClientSession("recorded:1")
        (greeted,) = session.receive(greeting.encode())
        assert isinstance(greeted, Greeted)
        # These were recorded with a client that asks for nothing.
        session._greeting = Greeted(greeted.targets, greeted.description, frozenset())
        session.select("dev")
        session.receive(b"{}\n")
        session.ask(session.spell_call("zap", (), {}))
        (event,) = session.receive(failure.encode())
        assert isinstance(event, Failed)
        assert type(event.error) is cls


@contextmanager
def recorded_server(version: str, name: str) -> Iterator[tuple[str, int]]:
    """Play the server's half on a real socket; fail if the client's half is another one."""
    problems: list[str] = []

    def play(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as heard:
            for who, text in halves(version, name):
                if who == "server":
                    connection.sendall(text.encode())
                    continue
                for expected in text.splitlines(keepends=True):
                    line = heard.readline().decode()
                    if line != expected:
                        problems.append(f"expected {expected!r}, heard {line!r}")
                        return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=play, args=(listener,))
        thread.start()
        try:
            yield cast("tuple[str, int]", listener.getsockname()[:2])
        finally:
            thread.join()
    assert not problems


def talk(call: Callable[..., Any]) -> None:
    call("set_value", 1.5, channel=2)
    assert call("get_value") == 1.5
    call("echo", (1, [2, {"a": b"x", 3: None}]))
    call("echo", np.arange(3))
    assert call("slow") == "done"
    for name, cls in (
        ("fail", ValueError),
        ("fail_custom", GenericRemoteException),
        ("unserializable", TypeError),
        ("echo", TypeError),
    ):
        with pytest.raises(cls) as caught:
            call(name)
        assert caught.value.parent_traceback == TRACEBACK  # type: ignore[attr-defined]
    assert call("_private") == "private"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_blocking_client_talks_to_a_recorded_server(version: str) -> None:
    with recorded_server(version, "rpc_calls") as (host, port), Client(host, port, "dev") as client:
        assert client.get_rpc_id() == (["aux", "dev"], "desc")
        talk(lambda name, *args, **kwargs: getattr(client, name)(*args, **kwargs))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_asyncio_client_talks_to_a_recorded_server(version: str) -> None:
    with recorded_server(version, "rpc_calls") as (host, port), asyncio.Runner() as runner:
        client = AsyncioClient()
        runner.run(client.connect_rpc(host, port, "dev"))
        talk(lambda name, *args, **kwargs: runner.run(getattr(client, name)(*args, **kwargs)))
        runner.run(cast("Any", client.close_rpc()))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_refuses_a_recorded_server_without_its_target(version: str) -> None:
    name = "rpc_unknown_target_client_refuses"
    expected = r"no target 'nope'.* it offers 'aux', 'dev'"
    with (
        recorded_server(version, name) as (host, port),
        pytest.raises(IncompatibleServer, match=expected),
    ):
        Client(host, port, "nope")
