"""What all of our servers do with connections, whatever is said there."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import pytest

from sipyco._io.connection import ConnectionServer
from sipyco._wire import limits
from sipyco.broadcast import Broadcaster
from sipyco.logs import Server as LogServer
from sipyco.pc_rpc import Server
from sipyco.sync_struct import Notifier, Publisher
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, until

HOST = "127.0.0.1"
COUNT = 5

every_server = pytest.mark.parametrize(
    ("make", "hello"),
    [
        pytest.param(lambda: Server({"dev": object()}), b"ARTIQ pc_rpc\n", id="pc_rpc"),
        pytest.param(
            lambda: Publisher({"data": Notifier([])}),
            b"ARTIQ sync_struct\ndata\n",
            id="sync_struct",
        ),
        pytest.param(Broadcaster, b"ARTIQ broadcast\nchannel\n", id="broadcast"),
        pytest.param(LogServer, b"ARTIQ logging\n", id="logs"),
    ],
)


async def connect(server: ConnectionServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert server.server
    return await asyncio.open_connection(*server.server.sockets[0].getsockname()[:2])


async def until_ended(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionResetError):
        await reader.read()


@every_loop
@every_server
def test_a_client_that_never_says_a_word_is_not_kept_for_ever(
    make: Callable[[], ConnectionServer],
    hello: bytes,
    loop_factory: LoopFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(limits, "BANNER_TIMEOUT", 0.05)
    monkeypatch.setattr(limits, "FLUSH_TIMEOUT", 0.05)

    async def main() -> None:
        server = make()
        await server.start(HOST, 0)
        polite_reader, polite = await connect(server)
        polite.write(hello)
        reader, silent = await connect(server)
        silent.write(hello[:1])  # not a word
        await until_ended(reader)
        await until(lambda: len(server.connections) == 1)
        await server.stop()
        await until_ended(polite_reader)
        for writer in (polite, silent):
            writer.close()

    with caplog.at_level(logging.WARNING):
        run(main(), loop_factory)
    (record,) = caplog.records
    assert "has not said a word" in record.getMessage()


@every_loop
@every_server
def test_a_server_that_is_stopped_has_closed_all_connections_and_can_start_again(
    make: Callable[[], ConnectionServer], hello: bytes, loop_factory: LoopFactory
) -> None:
    async def main() -> None:
        server = make()
        for _ in range(2):
            await server.start(HOST, 0)
            peers = [await connect(server) for _ in range(COUNT)]
            for _, writer in peers[1:]:
                writer.write(hello)
            await until(lambda: len(server.connections) == COUNT)
            await server.stop()
            assert not server.connections
            for reader, writer in peers:
                await until_ended(reader)
                writer.close()

    run(main(), loop_factory)
