"""Log servers and records for the tests of forwarding."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sipyco.logs import Server
from sipyco.tools import SimpleSSLConfig

__all__ = ["CollectingHandler", "PlainServer", "collected", "log_server", "record"]


def record(message: str = "hello", level: int = logging.INFO, **values: Any) -> logging.LogRecord:
    """Make a record that no logger of this process sees: servers here log what they receive."""
    return logging.makeLogRecord(
        {"name": "dev.lg", "levelno": level, "msg": message, "source": "src"} | values
    )


class CollectingHandler(logging.Handler):
    """Remembers records; `wait_for` waits until there are enough."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._changed = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self._changed.set()

    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    async def wait_until(self, is_enough: Callable[[], bool]) -> None:
        while not is_enough():
            self._changed.clear()
            await self._changed.wait()

    async def wait_for(self, number: int) -> None:
        await self.wait_until(lambda: len(self.records) >= number)


@contextmanager
def collected(name: str, level: int = 1) -> Iterator[CollectingHandler]:
    """Collect what is logged below a name."""
    logger = logging.getLogger(name)
    previous = logger.level
    handler = CollectingHandler()
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(previous)


@asynccontextmanager
async def log_server(config: SimpleSSLConfig | None = None) -> AsyncIterator[int]:
    """Run a server of ours; yields its port."""
    server = Server()
    await server.start("127.0.0.1", 0, config)
    try:
        assert server.server is not None
        yield server.server.sockets[0].getsockname()[1]
    finally:
        await server.stop()


class PlainServer:
    """Keeps the bytes that each connection brings."""

    def __init__(self, *, is_deaf: bool = False) -> None:
        self.connections: list[bytes] = []
        self.port = 0
        self.has_connected = asyncio.Event()
        self._is_deaf = is_deaf
        self._changed = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        # A small limit, so that a deaf server soon fills what lies between.
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, *, reset: bool = False) -> None:
        assert self._server is not None
        self._server.close()
        self._notice()
        for writer in self._writers:
            (writer.transport.abort if reset else writer.close)()
        self._writers.clear()
        await self._server.wait_closed()

    async def wait_until(self, is_enough: Callable[[], bool]) -> None:
        while not is_enough():
            self._changed.clear()
            await self._changed.wait()

    def entries(self) -> list[str]:
        """Return the complete lines of all connections, without the banners."""
        lines = []
        for data in self.connections:
            lines += data.decode().split("\n")[1:-1]
        return lines

    def _notice(self) -> None:
        self._changed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        number = len(self.connections)
        self.connections.append(b"")
        self.has_connected.set()
        self._notice()
        try:
            if self._is_deaf:
                await asyncio.Event().wait()
            while data := await reader.read(65536):
                self.connections[number] += data
                self._notice()
        except ConnectionError:
            pass
        finally:
            writer.close()
