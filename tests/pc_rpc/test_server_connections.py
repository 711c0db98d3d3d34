"""Connections to the server: clients that are rude, slow, greedy or deaf, and the end of it all."""

import asyncio
import contextlib
import gc
import logging
import socket
import struct
import warnings
from typing import Any

import numpy as np
import pytest

from sipyco import pyon
from sipyco._wire import limits
from sipyco.pc_rpc import Server
from sipyco.pc_rpc._connection import Connection
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import BANNER, RawClient, run, running, settle, until


class Device:
    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.calls = 0
        self.cleaned_up = False

    def echo(self, x: Any) -> Any:
        self.calls += 1
        return x

    def huge(self) -> Any:
        return np.zeros(4 << 20, np.uint8)

    async def wait(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            # A driver may have more to do than fits into one step.
            for _ in range(5):
                await asyncio.sleep(0)
            self.cleaned_up = True


READY = BANNER + b"\ndev pyon_v2\n"


@every_loop
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "the first line was"),
        (b"\n", "the first line was b''"),
        (b"ARTIQ sync_struct\n", "the first line was b'ARTIQ sync_struct'"),
        (b"\xff\xfe\n", "the first line was"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "TLS"),  # a client that was given ssl_config
        (b"x" * 100, "the first line was"),  # no line end will ever come
        (BANNER + b"\nmissing\n", "it asked for the unknown target 'missing'"),
        (BANNER + b"\n\n", "it asked for the unknown target ''"),
        (BANNER + b"\n\xff\n", "is not UTF-8"),
        (BANNER + b"\ndev pyon_v9\n", "it asked for unknown features of 'dev': ['pyon_v9']"),
        (BANNER + b"\n" + b"x" * 200_000 + b"\n", "the target's name was a line of 200000 bytes"),
        (READY + b"what?\n", "it sent a line that is no PYON"),
        (READY + b"\n", "it sent a line that is no PYON"),
        (READY + b"\xff\n", "it sent a line that is no PYON"),
        (READY + b'{"action": "call"\n', "it sent a line that is no PYON"),
    ],
)
def test_who_breaks_the_rules_is_disconnected_without_a_word_and_the_log_says_why(
    loop_factory: LoopFactory, data: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            client = await serving.raw()
            client.writer.write(data)
            heard = []
            while line := await client.hear():
                heard.append(line)
            assert len(heard) == data.startswith(BANNER + b"\n") + data.startswith(READY)
            assert await (await serving.client()).echo(1) == 1

    run(main(), loop_factory)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("sipyco.pc_rpc", logging.WARNING)
    assert "closed the connection from 127.0.0.1:" in record.getMessage()
    assert why in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_person_with_telnet_can_call_methods() -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            client = await serving.raw()
            client.say(BANNER + b"\r", b"dev\r")
            assert b'"targets"' in await client.hear()
            assert b"echo" in await client.hear()
            client.say(b'{"action": "call", "name": "echo", "args": [(1,)]}\r')
            assert pyon.decode(await client.hear()) == {"status": "ok", "ret": (1,)}

    run(main())


def test_a_conversation_may_come_byte_by_byte() -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            client = await serving.raw()
            for byte in READY + b'{"action": "call", "name": "echo", "args": [1]}\n':
                client.writer.write(bytes([byte]))
                await asyncio.sleep(0)
            assert [bool(await client.hear()) for _ in range(2)] == [True, True]
            assert (await client.answer())["ret"] == 1

    run(main())


@every_loop
def test_a_whole_conversation_may_come_at_once(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            client = await serving.raw()
            request = b'{"action": "call", "name": "echo", "args": [%d]}\n'
            client.writer.write(READY + b"".join(request % n for n in range(200)))
            assert [bool(await client.hear()) for _ in range(2)] == [True, True]
            assert [(await client.answer())["ret"] for _ in range(200)] == list(range(200))

    run(main(), loop_factory)


def test_a_client_that_says_goodbye_after_its_requests_gets_no_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        async with running(Device()) as serving:
            for reset in (False, True):
                client = await serving.ready()
                await client.call("echo", 1)
                if reset:
                    sock = client.writer.get_extra_info("socket")
                    linger = struct.pack("ii", 1, 0)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                await client.close()
            await until(lambda: not serving.server.connections)

    run(main())
    assert caplog.records == []


async def flood(client: RawClient, count: int, size: int) -> None:
    text = "x" * size
    for number in range(count):
        client.ask("echo", [number, text])
        await client.writer.drain()


@every_loop
def test_a_client_that_sends_ahead_without_reading_is_made_to_wait(
    loop_factory: LoopFactory,
) -> None:
    count = 10_000

    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            greedy = await serving.ready()
            (connection,) = serving.server.connections
            assert isinstance(connection, Connection)
            transport = connection.transport
            assert transport
            greedy.reader._transport.pause_reading()  # type: ignore[attr-defined]
            flooding = asyncio.create_task(flood(greedy, count, size=2000))

            # The server stops reading once its answers do not leave any more.
            await until(lambda: not transport.is_reading())
            other = await serving.client()
            for number in range(20):
                assert await other.echo(number) == number
            assert device.calls < count
            # A piece of the stream, cut into requests, and what the transport holds to send.
            assert len(connection._waiting) < 2 * limits.MAX_QUEUED_REQUESTS + 256
            assert transport.get_write_buffer_size() < 1 << 20

            greedy.reader._transport.resume_reading()  # type: ignore[attr-defined]
            for number in range(count):
                assert (await greedy.answer())["ret"][0] == number
            await flooding

    run(main(), loop_factory)


@every_loop
def test_many_small_requests_in_a_row_leave_others_their_turn(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            greedy, other = await serving.ready(), await serving.ready()
            request = b'{"action": "call", "name": "echo", "args": [0]}\n'
            greedy.writer.write(request * 10_000)
            await settle()
            assert await other.call("echo", 5) == 5
            assert device.calls < 10_000
            for _ in range(10_000):
                await greedy.answer()

    run(main(), loop_factory)


@every_loop
def test_a_slow_reader_of_a_huge_answer_does_not_disturb_others(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            slow, quick = await serving.ready(), await serving.client()
            slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
            slow.ask("huge")
            slow.ask("echo", "after")
            connection = next(
                c
                for c in serving.server.connections
                if c.peer.endswith(f":{slow.writer.get_extra_info('sockname')[1]}")
            )
            await until(lambda: not connection.can_write)
            assert [await quick.echo(number) for number in range(50)] == list(range(50))
            slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
            assert (await slow.answer())["ret"].size == 4 << 20
            assert (await slow.answer())["ret"] == "after"

    run(main(), loop_factory)


@every_loop
def test_stop_before_start_and_twice_is_harmless(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        server = Server({"dev": Device()})
        await server.stop()
        await server.start("127.0.0.1", 0)
        await server.stop()
        await server.stop()
        assert server.server is None

    run(main(), loop_factory)


@every_loop
def test_a_server_can_be_started_again(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        for threads in (False, True):
            server = Server({"dev": Device()}, threads=threads)
            for _ in range(2):
                await server.start("127.0.0.1", 0)
                assert server.server
                port = server.server.sockets[0].getsockname()[1]
                client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
                client.say(BANNER, b"dev pyon_v2")
                await client.hear()
                await client.hear()
                assert await client.call("echo", 1) == 1
                await server.stop()
                assert await client.hear() == b""
                await client.close()

    run(main(), loop_factory)


def test_starting_twice_is_refused_and_the_server_goes_on() -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            with pytest.raises(RuntimeError, match=r"listens already; await stop\(\) first"):
                await serving.server.start("127.0.0.1", 0)
            assert await (await serving.client()).echo(1) == 1

    run(main())


@every_loop
def test_stop_sends_the_answers_that_were_given(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        server = Server({"dev": Device()})
        await server.start("127.0.0.1", 0)
        assert server.server
        streams = await asyncio.open_connection(
            *server.server.sockets[0].getsockname(), limit=1 << 25
        )
        client = RawClient(*streams)
        client.say(BANNER, b"dev pyon_v2")
        await client.hear()
        await client.hear()
        client.ask("huge")
        (connection,) = server.connections
        assert connection.transport
        await until(lambda: not connection.can_write)
        _, answer = await asyncio.gather(server.stop(), client.answer())
        assert answer["ret"].size == 4 << 20
        assert await client.hear() == b""
        await client.close()

    run(main(), loop_factory)


@every_loop
def test_stop_does_not_wait_for_ever_for_a_client_that_does_not_read(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.01)

    async def main() -> None:
        async with running(Device()) as serving:
            client = await serving.ready()
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            client.ask("huge")
            (connection,) = serving.server.connections
            await until(lambda: not connection.can_write)
            await serving.server.stop()
            assert connection.closed.done()
            client.reader._transport.resume_reading()  # type: ignore[attr-defined]

    run(main(), loop_factory)


@every_loop
@pytest.mark.parametrize("client_leaves", [False, True])
def test_stop_cancels_coroutines_and_waits_until_they_have_cleaned_up(
    loop_factory: LoopFactory, client_leaves: bool
) -> None:
    async def main() -> None:
        device = Device()
        async with running(device) as serving:
            client, waiting = await serving.ready(), await serving.ready()
            client.ask("wait")
            await device.began.wait()
            waiting.ask("echo", "never called")
            if client_leaves:
                client.writer.transport.abort()
                await until(lambda: len(serving.server.connections) == 1)
            await serving.server.stop()
            assert device.cleaned_up
            assert await client.hear() == b""
            assert await waiting.hear() == b""
            assert device.calls == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main(), loop_factory)


@every_loop
def test_stop_leaves_a_coroutine_that_does_not_heed_it(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.01)

    class Stubborn:
        def __init__(self) -> None:
            self.began = asyncio.Event()
            self.release = asyncio.Event()

        async def wait(self) -> None:
            self.began.set()
            while not self.release.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await self.release.wait()

    async def main() -> None:
        device = Stubborn()
        async with running(device) as serving:
            client = await serving.ready()
            client.ask("wait")
            await device.began.wait()
            await serving.server.stop()
            assert await client.hear() == b""
            device.release.set()
            await settle()

    run(main(), loop_factory)
    assert "1 calls go on although they were cancelled" in caplog.text


@every_loop
def test_a_coroutine_that_does_not_heed_its_end_does_not_stop_calls_after_a_restart(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.01)

    class Stubborn(Device):
        def __init__(self) -> None:
            super().__init__()
            self.release = asyncio.Event()

        async def hold(self) -> None:
            self.began.set()
            while not self.release.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await self.release.wait()

    async def main() -> None:
        device = Stubborn()
        async with running(device) as serving:
            client = await serving.ready()
            client.ask("hold")
            await device.began.wait()
            await serving.server.stop()
            await serving.server.start("127.0.0.1", serving.port)
            async with asyncio.timeout(5):
                assert await (await serving.ready()).call("echo", 5) == 5
            device.release.set()
            await settle()

    run(main(), loop_factory)


def test_a_server_started_again_waits_for_a_new_terminate() -> None:
    async def main() -> None:
        server = Server({"dev": Device()}, builtin_terminate=True)
        server.terminate()  # by a signal that came early
        await server.start("127.0.0.1", 0)
        await server.wait_terminate()
        await server.stop()
        await server.wait_terminate()

        await server.start("127.0.0.1", 0)
        waiting = asyncio.create_task(server.wait_terminate())
        await settle()
        assert not waiting.done()

        # Who waits since before a restart is not forgotten.
        await server.stop()
        await server.start("127.0.0.1", 0)
        server.terminate()
        await waiting
        await server.stop()

    run(main())


@every_loop
@pytest.mark.parametrize("threads", [False, True])
def test_a_call_that_comes_at_the_moment_of_the_stop_leaves_nothing_behind(
    loop_factory: LoopFactory, threads: bool
) -> None:
    async def main() -> None:
        stops: list[asyncio.Task[None]] = []
        loop = asyncio.get_running_loop()

        class Stopping(Device):
            def stop_soon(self) -> None:
                loop.call_soon_threadsafe(
                    lambda: stops.append(loop.create_task(serving.server.stop()))
                )

        device = Stopping()
        async with running(device, threads=threads) as serving:
            client = await serving.ready()
            client.ask("stop_soon")
            client.ask("wait")
            while await client.hear():
                pass
            await stops[0]
        gc.collect()

    run(main(), loop_factory)


@every_loop
def test_a_method_can_stop_its_own_server(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        class Stopping:
            def __init__(self) -> None:
                self.stopped = asyncio.Event()

            async def stop(self) -> None:
                await serving.server.stop()
                self.stopped.set()

        device = Stopping()
        async with running(device) as serving:
            client = await serving.ready()
            client.ask("stop")
            assert await client.hear() == b""
            await device.stopped.wait()

    run(main(), loop_factory)


@every_loop
def test_clients_that_arrive_while_the_server_stops_are_not_left_behind(
    loop_factory: LoopFactory,
) -> None:
    async def main(steps: int) -> None:
        server = Server({"dev": Device()})
        await server.start("127.0.0.1", 0)
        assert server.server
        with socket.socket() as sock:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(
                sock, server.server.sockets[0].getsockname()
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            await server.stop()
            await settle()
            with contextlib.suppress(ConnectionError):
                assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for steps in range(6):
            run(main(steps), loop_factory)
    gc.collect()


@every_loop
def test_after_stop_nothing_is_open(loop_factory: LoopFactory) -> None:
    """On a loop that is closed at once, as in programs that run it themselves."""
    loop = loop_factory()
    device = None

    async def start() -> tuple[Server, list[socket.socket]]:
        nonlocal device
        device = Device()
        server = Server({"dev": device}, threads=True)
        await server.start(["127.0.0.1", "::1"], 0)
        assert server.server
        sockets = [socket.create_connection(s.getsockname()[:2]) for s in server.server.sockets]
        sockets[0].sendall(READY + b'{"action": "call", "name": "wait", "args": []}\n')
        await device.began.wait()
        return server, sockets

    server, sockets = loop.run_until_complete(start())
    loop.run_until_complete(server.stop())
    loop.close()
    for sock in sockets:
        with sock:
            while sock.recv(1 << 16):
                pass
    del server
    gc.collect()
