"""The one call that most controllers make, in processes of its own."""

import asyncio
import contextlib
import gc
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sipyco._io import loops
from sipyco.pc_rpc import (
    Client,
    ConnectionLost,
    GenericRemoteException,
    Server,
    _server_loop,
    simple_server_loop,
)
from sipyco.tools import SimpleSSLConfig
from tests.certificates import Certificates
from tests.event_loops import LoopFactory, every_loop, uvloop_loop
from tests.rpc_servers import run
from tests.serving import ANNOUNCING


def client_of(port: int, **options: Any) -> Client:
    return Client("127.0.0.1", port, timeout=20, **options)


PROGRAM = """
import asyncio
from sipyco.pc_rpc import simple_server_loop

class Hello:
    def message(self, text):
        return f"{text} from {type(asyncio.get_running_loop()).__module__.split('.')[0]}"

    def leave(self):
        raise SystemExit(3)

simple_server_loop({"hello": Hello()}, "127.0.0.1", 0)
print("cleaned up", flush=True)
"""


@contextlib.contextmanager
def process(program: str = PROGRAM) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a program with a server, and give the port on which it listens by now."""
    # -X dev: what is not closed, or never awaited, shows on standard error.
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", ANNOUNCING + program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout
            yield child, int(child.stdout.readline())
        finally:
            child.kill()


def ended_well(child: subprocess.Popen[str]) -> None:
    out, err = child.communicate(timeout=20)
    # The log tells of a server that is ended from within, and of nothing else.
    assert err == "" or ("ends this server" in err and err.count("\n") == 1)
    assert out == "cleaned up\n"
    assert child.returncode == 0


def by_signal(number: signal.Signals) -> Callable[[subprocess.Popen[str], Client], None]:
    return lambda child, client: child.send_signal(number)


def by_exit(_: subprocess.Popen[str], client: Client) -> None:
    with pytest.raises(GenericRemoteException, match="SystemExit: 3"):
        client.leave()


ENDS = [
    pytest.param(lambda child, client: client.terminate(), id="terminate"),
    pytest.param(by_exit, id="a method that exits"),
]
if sys.platform != "win32":
    ENDS += [
        pytest.param(by_signal(number), id=number.name)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ]


@pytest.mark.parametrize("end", ENDS)
def test_it_returns_normally_however_it_is_asked_to_end(
    end: Callable[[subprocess.Popen[str], Client], None],
) -> None:
    with process() as (child, port):
        with client_of(port) as client:
            assert client.message("hello").startswith("hello from ")
            end(child, client)
        ended_well(child)


def test_without_a_current_loop_the_fastest_is_used() -> None:
    with process() as (child, port):
        with client_of(port) as client:
            expected = type(loops.new_loop()).__module__ if sys.platform == "win32" else "uvloop"
            assert client.message("hello") == f"hello from {expected}"
            client.terminate()
        ended_well(child)


def test_what_was_started_on_the_current_loop_before_is_served_too() -> None:
    program = """
import asyncio
from sipyco.pc_rpc import Server, simple_server_loop

class Hello:
    def message(self):
        return "hello"

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
other = Server({"other": Hello()})
loop.run_until_complete(other.start("127.0.0.1", 0))
port = other.server.sockets[0].getsockname()[1]

class Names:
    def other_port(self):
        return port

simple_server_loop(Names(), "127.0.0.1", 0)
assert not loop.is_closed()
assert asyncio.get_event_loop() is loop
loop.run_until_complete(other.stop())
loop.close()
print("cleaned up", flush=True)
"""
    with process(program) as (child, port):
        with client_of(port) as client, client_of(client.other_port()) as other:
            assert other.message() == "hello"
            client.terminate()
        ended_well(child)


class Hello:
    def message(self) -> str:
        return "hello"


def serve_one_call(
    client_config: SimpleSSLConfig | None = None, **options: Any
) -> list[tuple[str, Any]]:
    """Serve on this thread until a client in another one has made its call."""
    ports: queue.SimpleQueue[int] = queue.SimpleQueue()
    heard: list[tuple[str, Any]] = []

    class Announcing(Server):
        async def start(self, *args: Any, **options: Any) -> None:
            await super().start(*args, **options)
            assert self.server
            ports.put(self.server.sockets[0].getsockname()[1])

    def call() -> None:
        with client_of(ports.get(), ssl_config=client_config) as client:
            heard.append((client.message(), client.get_rpc_id()))
            client.terminate()

    caller = threading.Thread(target=call)
    caller.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_server_loop, "Server", Announcing)
        simple_server_loop(Hello(), "127.0.0.1", "0", **options)
    caller.join()
    return heard


@every_loop
def test_a_loop_that_is_given_is_used_and_left_open(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    assert serve_one_call(loop=loop) == [("hello", (["hello"], None))]
    assert not loop.is_closed()
    assert not asyncio.all_tasks(loop)
    loop.close()
    gc.collect()


def test_it_runs_in_any_thread_but_then_signals_do_not_end_it() -> None:
    heard: list[Any] = []
    thread = threading.Thread(target=lambda: heard.extend(serve_one_call(description="about")))
    thread.start()
    thread.join()
    assert heard == [("hello", (["hello"], "about"))]


@pytest.mark.parametrize("by_name", [False, True])
def test_it_serves_over_tls_with_either_way_of_naming_the_files(
    certificates: Certificates, by_name: bool
) -> None:
    if by_name:
        config: dict[str, Any] = {
            "local_cert": certificates.cert("server"),
            "local_key": certificates.key("server"),
            "peer_cert": certificates.cert("client"),
        }
    else:
        config = {"ssl_config": certificates.server_config()}
    heard = serve_one_call(certificates.client_config(), **config)
    assert heard == [("hello", (["hello"], None))]


def test_half_of_the_files_is_refused_before_anything_starts(certificates: Certificates) -> None:
    with pytest.raises(ValueError, match="all three"):
        simple_server_loop(Hello(), "127.0.0.1", 0, local_cert=certificates.cert("server"))


@pytest.mark.parametrize(
    "factory",
    [
        pytest.param(None, id="asyncio.run"),
        pytest.param(asyncio.new_event_loop, id="asyncio"),
        pytest.param(uvloop_loop, id="uvloop"),
    ],
)
def test_in_a_coroutine_it_says_what_to_use_instead(factory: LoopFactory | None) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"in a coroutine use Server and its start\(\)"):
            simple_server_loop(Hello(), "127.0.0.1", 0)
        with (
            contextlib.closing(asyncio.new_event_loop()) as other,
            pytest.raises(RuntimeError, match="in a coroutine use Server"),
        ):
            simple_server_loop(Hello(), "127.0.0.1", 0, loop=other)
        gc.collect()

    run(main(), factory)


@every_loop
def test_an_occupied_port_is_an_error_and_nothing_is_left_open(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    before = signal.getsignal(signal.SIGTERM)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for chosen in (loop, None):
            with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: address alr"):
                simple_server_loop(Hello(), "127.0.0.1", port, loop=chosen)
    assert signal.getsignal(signal.SIGTERM) is before
    assert not asyncio.all_tasks(loop)
    loop.close()
    gc.collect()


def test_wrong_certificates_are_an_error_and_nothing_is_left_open(tmp_path: Path) -> None:
    config = SimpleSSLConfig(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    with pytest.raises(FileNotFoundError, match="cannot use local_cert"):
        simple_server_loop(Hello(), "127.0.0.1", 0, ssl_config=config)
    gc.collect()


def test_a_closed_loop_is_refused() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        simple_server_loop(Hello(), "127.0.0.1", 0, loop=loop)
    gc.collect()


@pytest.mark.skipif(sys.platform == "win32", reason="processes do not send each other signals")
def test_a_signal_ends_a_server_that_a_blocking_method_keeps_busy() -> None:
    program = """
import threading
from sipyco.pc_rpc import simple_server_loop

class Busy:
    def hang(self):
        print("hanging", flush=True)
        threading.Event().wait()

simple_server_loop(Busy(), "127.0.0.1", 0, threads=True)
print("cleaned up", flush=True)
"""
    with process(program) as (child, port):
        with client_of(port) as client:

            def call() -> None:
                with pytest.raises(ConnectionLost):
                    client.hang()

            thread = threading.Thread(target=call)
            thread.start()
            assert child.stdout
            assert child.stdout.readline() == "hanging\n"
            os.kill(child.pid, signal.SIGTERM)
            assert child.stdout.read() == "cleaned up\n"
            assert child.stderr
            assert "a method still runs in its thread" in child.stderr.read()
            thread.join()
        assert child.wait(20) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no signals between processes")
def test_a_second_interrupt_strikes_a_method_that_hangs() -> None:
    program = """
import threading
from sipyco.pc_rpc import simple_server_loop

class Busy:
    def hang(self):
        print("hanging", flush=True)
        try:
            threading.Event().wait()
        finally:
            print("struck", flush=True)

try:
    simple_server_loop(Busy(), "127.0.0.1", 0)
finally:
    print("cleaned up", flush=True)
"""
    with process(program) as (child, port), client_of(port) as client:

        def call() -> None:
            with pytest.raises((ConnectionLost, GenericRemoteException)):
                client.hang()

        thread = threading.Thread(target=call)
        thread.start()
        assert child.stdout
        assert child.stdout.readline() == "hanging\n"
        child.send_signal(signal.SIGINT)
        while child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        assert child.stdout.read() == "struck\ncleaned up\n"
        thread.join()
