"""The server of streams that programs derive from."""

import asyncio
import errno
import gc
import logging
from typing import Any

import pytest

from sipyco._io import sockets
from sipyco._wire import limits
from sipyco.tools import AsyncioServer
from tests.certificates import Certificates
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import RawClient, run, settle, until


class Echo(AsyncioServer):
    """Echoes lines; some of them are commands."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.ended: list[str] = []

    async def _handle_connection_cr(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.began.set()
        try:
            while line := await reader.readline():
                if line == b"fail\n":
                    raise ValueError("asked to fail")
                if line == b"huge\n":
                    writer.write(bytes(32 << 20))
                    self.began.clear()
                    continue
                writer.write(line)
            self.ended.append("by the client")
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise


async def started(server: AsyncioServer, *args: Any, **options: Any) -> int:
    await server.start("127.0.0.1", 0, *args, **options)
    assert server.server
    port: int = server.server.sockets[0].getsockname()[1]
    return port


async def connected(port: int, **options: Any) -> RawClient:
    return RawClient(*await asyncio.open_connection("127.0.0.1", port, **options))


@every_loop
def test_each_connection_runs_the_coroutine_of_the_subclass(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        server = Echo()
        port = await started(server)
        clients = [await connected(port) for _ in range(3)]
        for client in clients:
            client.say(b"hello")
        assert [await client.hear() for client in clients] == [b"hello\n"] * 3
        for client in clients:
            await client.close()
        await until(lambda: not server._client_tasks)
        assert server.ended == ["by the client"] * 3
        await server.stop()

    run(main(), loop_factory)


@every_loop
def test_what_the_coroutine_raises_is_logged_and_the_server_goes_on(
    loop_factory: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        server = Echo()
        port = await started(server)
        failing, fine = await connected(port), await connected(port)
        failing.say(b"fail")
        assert await failing.hear() == b""
        fine.say(b"hello")
        assert await fine.hear() == b"hello\n"
        await failing.close()
        await fine.close()
        await server.stop()

    run(main(), loop_factory)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("sipyco._io.server", logging.ERROR)
    assert "('127.0.0.1', " in record.getMessage()
    assert "asked to fail" in caplog.text


def test_a_subclass_without_the_coroutine_is_told_what_to_define(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Forgetful(AsyncioServer):
        pass

    async def main() -> None:
        server = Forgetful()
        client = await connected(await started(server))
        assert await client.hear() == b""
        await client.close()
        await server.stop()

    run(main())
    assert "Forgetful must define the coroutine _handle_connection_cr" in caplog.text


@every_loop
def test_a_client_that_resets_is_no_error(
    loop_factory: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    class Reading(Echo):
        async def _handle_connection_cr(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            self.began.set()
            raise ConnectionResetError

    async def main() -> None:
        server = Reading()
        client = await connected(await started(server))
        assert await client.hear() == b""
        await client.close()
        await server.stop()

    run(main(), loop_factory)
    assert caplog.records == []


@every_loop
def test_stop_cancels_the_coroutines_and_closes_the_connections(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        server = Echo()
        client = await connected(await started(server))
        await server.began.wait()
        await server.stop()
        assert server.ended == ["cancelled"]
        assert server.server is None
        assert await client.hear() == b""
        await client.close()
        await server.stop()

    run(main(), loop_factory)


@every_loop
def test_starts_and_stops_at_the_same_time_come_one_after_the_other(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        for config in (None, certificates.server_config()):
            server = Echo()
            results = await asyncio.gather(
                *(started(server, config) for _ in range(2)), return_exceptions=True
            )
            assert isinstance(results[0], int)
            assert isinstance(results[1], RuntimeError)
            ports = [results[0]]

            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            ports.append(await started(server, config))
            assert stopping.done()
            await server.stop()

            starting = asyncio.create_task(server.start("127.0.0.1", 0, config))
            await asyncio.sleep(0)
            await server.stop()
            assert starting.done()
            assert server.server is None
            for port in ports:
                with pytest.raises(ConnectionRefusedError):
                    await connected(port)

    run(main(), loop_factory)
    gc.collect()


@every_loop
def test_a_stop_that_was_cancelled_can_be_done_again(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        server = Echo()
        port = await started(server, certificates.server_config())
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        with pytest.raises(RuntimeError, match=r"await stop\(\) first"):
            await started(server)
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await connected(port)

    run(main(), loop_factory)


@every_loop
def test_a_connection_for_which_descriptors_are_lacking_is_closed(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare_transport(transport: asyncio.BaseTransport) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    async def main() -> None:
        server = Echo()
        port = await started(server)
        with monkeypatch.context() as patch:
            patch.setattr(sockets, "prepare_transport", prepare_transport)
            client = await connected(port)
            assert await client.hear() == b""
            await client.close()
        client = await connected(port)
        client.say(b"hello")
        assert await client.hear() == b"hello\n"
        await client.close()
        await server.stop()

    run(main(), loop_factory)
    (record,) = caplog.records
    assert "cannot serve ('127.0.0.1', " in record.getMessage()
    assert "too many open files" in record.getMessage()


def test_what_is_no_configuration_of_tls_is_refused_before_anything_listens() -> None:
    async def main() -> None:
        server = Echo()
        with pytest.raises(TypeError, match="ssl_config is of type 'str'; give a SimpleSSLConfig"):
            await started(server, "server.pem")
        assert server.server is None

    run(main())


@every_loop
def test_stop_sends_what_was_written(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        server = Echo()
        client = await connected(await started(server))
        client.say(b"huge")
        await until(lambda: not server.began.is_set())
        _, received = await asyncio.gather(server.stop(), client.reader.read())
        assert len(received) == 32 << 20
        await client.close()

    run(main(), loop_factory)


@every_loop
@pytest.mark.parametrize("encrypted", [False, True])
def test_stop_does_not_wait_for_ever_for_a_client_that_does_not_read(
    loop_factory: LoopFactory,
    encrypted: bool,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.01)

    async def main() -> None:
        server = Echo()
        port = await started(server, certificates.server_config() if encrypted else None)
        context = certificates.client_config().create_client_context() if encrypted else None
        client = await connected(port, ssl=context)
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        client.say(b"huge")
        await server.began.wait()
        await until(lambda: not server.began.is_set())
        async with asyncio.timeout(5):
            await server.stop()
        client.writer.transport.abort()
        await client.close()
        await settle()

    run(main(), loop_factory)
    gc.collect()


@every_loop
def test_it_speaks_tls_with_either_way_of_naming_the_files(
    loop_factory: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        context = certificates.client_config().create_client_context()
        for args, options in (
            ([certificates.server_config()], {}),
            (
                [],
                {
                    "local_cert": certificates.cert("server"),
                    "local_key": certificates.key("server"),
                    "peer_cert": certificates.cert("client"),
                },
            ),
        ):
            server = Echo()
            client = await connected(await started(server, *args, **options), ssl=context)
            client.say(b"hello")
            assert await client.hear() == b"hello\n"
            await client.close()
            await server.stop()

    run(main(), loop_factory)
