"""A link on an event loop, and the server that it is connected to, both held by the test."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sipyco._io import asyncio_
from sipyco._wire.errors import ConnectionLost
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, settle


class Ends:
    """Both ends of one connection."""

    def __init__(self) -> None:
        self.taken = bytearray()
        self.unsent: list[bytes | memoryview] = []
        self.memory = memoryview(bytearray(1 << 16))
        self.losses: list[OSError] = []
        self.changed = asyncio.Event()
        self.link: asyncio_.AsyncioLink
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    def take(self, size: int) -> list[bytes | memoryview]:
        taken, self.unsent = self.unsent, []
        return taken

    def buffer(self) -> memoryview:
        return self.memory

    def received(self, count: int) -> None:
        self.taken += self.memory[:count]
        self.changed.set()

    def write(self, data: bytes) -> None:
        self.unsent.append(data)
        self.link.flush()

    def lost(self, reason: OSError) -> None:
        self.losses.append(reason)
        self.changed.set()


@asynccontextmanager
async def connected(ends: Ends | None = None) -> AsyncIterator[Ends]:
    ends = ends or Ends()
    accepted = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(
        lambda reader, writer: accepted.set_result((reader, writer)), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    ends.link = await asyncio_.connect("127.0.0.1", port, None, ends, ends.lost)
    ends.reader, ends.writer = await accepted
    try:
        yield ends
    finally:
        ends.link.close()
        await ends.link.closed
        ends.writer.transport.abort()
        server.close()
        await settle()


@every_loop
def test_bytes_go_both_ways(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with connected() as ends:
            ends.write(b"to the server")
            assert await ends.reader.readexactly(13) == b"to the server"
            ends.writer.write(b"from the server")
            await ends.changed.wait()
            assert ends.taken == b"from the server"
            assert ends.link.local_host() == "127.0.0.1"
            assert ends.losses == []

    run(main(), loop_factory)


@every_loop
def test_a_link_has_keepalive_and_sends_without_delay(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with connected() as ends:
            transport = ends.link._transport
            assert transport is not None
            shown = transport.get_extra_info("socket")
            with socket.socket(fileno=os.dup(shown.fileno())) as sock:
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(main(), loop_factory)


@every_loop
def test_unread_bytes_are_noticed_before_the_loop_hands_them_over(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        async with connected() as ends:
            assert not ends.link.has_unread()
            shown = ends.writer.get_extra_info("socket")
            with socket.socket(fileno=os.dup(shown.fileno())) as sock:
                sock.send(b"x")
            assert ends.link.has_unread()
            await ends.changed.wait()
            assert not ends.link.has_unread()

    run(main(), loop_factory)


@every_loop
def test_what_has_no_room_leaves_when_there_is_some(loop_factory: LoopFactory) -> None:
    large = b"x" * (4 << 20)

    async def main() -> None:
        async with connected() as ends:
            ends.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(8):
                ends.write(large)
            assert ends.unsent
            ends.writer.transport.resume_reading()  # type: ignore[attr-defined]
            received = 0
            while received < 8 * len(large):
                received += len(await ends.reader.read(1 << 20))
            assert not ends.unsent

    run(main(), loop_factory)


@every_loop
def test_the_loss_is_told_once(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with connected() as ends:
            ends.writer.write(b"x")
            await ends.changed.wait()
            ends.writer.close()
            await ends.link.closed
            (loss,) = ends.losses
            assert isinstance(loss, ConnectionLost)
            assert "the other side closed it" in str(loss)
            assert not ends.link.has_unread()
            ends.link.close()
            assert len(ends.losses) == 1

    run(main(), loop_factory)


@every_loop
def test_a_reset_is_a_loss(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with connected() as ends:
            ends.write(b"x")
            await ends.reader.read(1)
            ends.write(b"unread, so that closing resets")
            ends.writer.transport.abort()
            await ends.link.closed
            (loss,) = ends.losses
            assert isinstance(loss, ConnectionLost)

    run(main(), loop_factory)


@every_loop
def test_closing_is_told_at_once_and_done_soon(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with connected() as ends:
            ends.link.close()
            (loss,) = ends.losses
            assert "closed by this side" in str(loss)
            assert not ends.link.closed.done()
            await ends.link.closed
            assert await ends.reader.read() == b""
            assert len(ends.losses) == 1

    run(main(), loop_factory)


@every_loop
def test_a_peer_that_will_say_nothing_more_is_lost_though_it_reads_nothing(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        async with connected() as ends:
            ends.writer.transport.pause_reading()  # type: ignore[attr-defined]
            ends.write(b"x" * (16 << 20))
            ends.writer.write_eof()
            await ends.link.closed
            assert isinstance(ends.losses[0], ConnectionLost)

    run(main(), loop_factory)


@every_loop
@pytest.mark.parametrize("error", [ValueError, KeyError])
def test_whoever_fails_to_take_the_bytes_has_lost_the_place_in_the_stream(
    loop_factory: LoopFactory, error: type[Exception]
) -> None:
    class Failing(Ends):
        def received(self, count: int) -> None:
            raise error("in tongues")

    async def main() -> None:
        async with connected(Failing()) as ends:
            ends.writer.write(b"x")
            await ends.link.closed
            (loss,) = ends.losses
            assert isinstance(loss, ConnectionLost)
            assert "given up" in str(loss)
            assert isinstance(loss.__cause__, error)

    run(main(), loop_factory)


def test_ctrl_c_while_bytes_are_taken_ends_the_connection() -> None:
    taken: list[bytes] = []

    class Struck(Ends):
        def received(self, count: int) -> None:
            taken.append(bytes(self.memory[:count]))
            raise KeyboardInterrupt

    async def main() -> None:
        ends = Struck()
        async with connected(ends):
            ends.memory[:1] = b"x"
            with pytest.raises(KeyboardInterrupt):
                ends.link.buffer_updated(1)
            assert "given up" in str(ends.losses[0])
            # What comes later is not taken for its continuation.
            ends.memory[:1] = b"y"
            ends.link.buffer_updated(1)
            assert taken == [b"x"]

    run(main())
