import asyncio
import contextlib
import logging
import socket

import pytest

from sipyco.logs import Server
from sipyco.tools import AsyncioServer, SimpleSSLConfig
from tests.certificates import Configs
from tests.event_loops import LoopFactory, every_loop
from tests.logs.support import collected, log_server


async def send(port: int, data: bytes, config: SimpleSSLConfig | None = None) -> bytes:
    """Send everything, and return what the server says until it closes: nothing, as a rule."""
    context = config.create_client_context() if config else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(data)
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()
    answer = b""
    # uvloop takes an end of TLS that is not answered for a lost connection.
    with contextlib.suppress(ConnectionResetError):
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


def test_it_is_a_server_like_the_others() -> None:
    assert issubclass(Server, AsyncioServer)


@every_loop
def test_what_comes_in_is_logged_with_its_source(
    loop_factory: LoopFactory, configs: Configs
) -> None:
    ours, theirs = configs

    async def main() -> None:
        with collected("dev.lg") as handler:
            async with log_server(ours) as port:
                stream = b"ARTIQ logging\nsrc:INFO:dev.lg:100%\nsrc:ERROR<2>:dev.lg:two\nlines\n"
                assert await send(port, stream, theirs) == b""
                await handler.wait_for(2)
        assert [(r.levelname, r.getMessage(), r.source) for r in handler.records] == [  # type: ignore[attr-defined]
            ("INFO", "100%", "src"),
            ("ERROR", "two\nlines", "src"),
        ]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_what_was_begun_is_logged_when_the_client_or_the_server_ends(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        with collected("dev.lg") as handler:
            async with log_server() as port:
                await send(port, b"ARTIQ logging\nsrc:INFO<5>:dev.lg:a\nb")
                await handler.wait_for(1)
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"ARTIQ logging\nsrc:INFO:dev.lg:c\nsrc:INFO<2>:dev.lg:d\n")
                await handler.wait_for(2)
            writer.close()
        assert handler.messages() == ["a\nb", "c", "d"]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@every_loop
def test_other_clients_are_turned_away(
    loop_factory: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with log_server() as port:
            assert await send(port, b"ARTIQ pc_rpc\n") == b""

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    (entry,) = caplog.record_tuples
    assert entry[:2] == ("sipyco.logs", logging.WARNING)
    assert "127.0.0.1" in entry[2]
    assert "b'ARTIQ pc_rpc'" in entry[2]


def test_lines_that_are_no_entries_are_logged_as_the_client_s() -> None:
    async def main() -> None:
        with collected("print") as handler:
            async with log_server() as port:
                await send(port, b"ARTIQ logging\nwhat is this?\n")
                await handler.wait_for(1)
        (entry,) = handler.records
        assert entry.getMessage() == "what is this?"
        assert entry.source.startswith("127.0.0.1:")  # type: ignore[attr-defined]

    asyncio.run(main())


@every_loop
def test_the_system_does_not_take_in_megabytes_that_would_be_lost(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        async with log_server() as port:
            with (
                collected("dev.lg") as handler,
                socket.create_connection(("127.0.0.1", port)) as sock,
            ):
                sock.sendall(b"ARTIQ logging\nsrc:INFO:dev.lg:a\n")
                await handler.wait_for(1)
                # From here on, the server's loop does not run: nobody reads.
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                accepted = 0
                try:
                    while accepted < 1 << 24:
                        accepted += sock.send(bytes(4096))
                except BlockingIOError:
                    pass
                assert accepted < 1 << 20

    with asyncio.Runner(loop_factory=loop_factory) as runner, collected("print"):
        runner.run(main())
