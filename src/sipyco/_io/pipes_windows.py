"""A parent and its child, connected by a named pipe that works both ways.

Written for the event loop of asyncio on Windows; its methods for named pipes exist on no other.
"""

import asyncio
import os
import secrets
from io import FileIO
from typing import Any

from sipyco._io.pipes import READ_SIZE, PipeFiles, PipeStreams

__all__ = ["AsyncioChildComm", "AsyncioParentComm", "ChildComm"]

PREFIX = r"\\.\pipe\sipyco-"


class AsyncioParentComm(PipeStreams):
    """The end of a program that starts another and talks to it beside stdin and stdout.

    Pass what :meth:`get_address` returns to the child, for example on its command line, where it
    is what :class:`ChildComm` and :class:`AsyncioChildComm` are made with.

    Attributes:
        process: The child, an :class:`asyncio.subprocess.Process`; not there before
            :meth:`create_subprocess`. :meth:`close` leaves it alone.
    """

    __module__ = "sipyco.pipe_ipc"

    process: asyncio.subprocess.Process

    def __init__(self) -> None:
        super().__init__()
        # Nobody can guess the name, and so be there before the child.
        self._address = f"{PREFIX}{os.getpid()}-{secrets.token_hex(16)}"

    def get_address(self) -> str:
        """Return what the child needs to connect to this object, once."""
        return self._address

    async def create_subprocess(self, *args: Any, **kwargs: Any) -> None:
        """Start the child and wait until it has connected, or ended.

        The arguments are those of :func:`asyncio.create_subprocess_exec`.

        Raises:
            OSError: It cannot be started. Nothing is left open.
            RuntimeError: There is a child already.
        """
        if hasattr(self, "process"):
            raise RuntimeError("this object had its child; make another")
        loop: Any = asyncio.get_running_loop()
        connected: asyncio.Future[None] = loop.create_future()

        def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if connected.done():
                writer.close()
                return
            self._reader, self._writer = reader, writer
            connected.set_result(None)

        def accept() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=READ_SIZE), connect)

        (listener,) = await loop.start_serving_pipe(accept, self._address)
        try:
            self.process = await asyncio.create_subprocess_exec(*args, **kwargs)
            ended = asyncio.ensure_future(self.process.wait())
            either: tuple[asyncio.Future[Any], ...] = (connected, ended)
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
        finally:
            listener.close()
        if not connected.done():
            connected.cancel()
            self._reader = asyncio.StreamReader()
            self._reader.feed_eof()


class AsyncioChildComm(PipeStreams):
    """The child's end, on asyncio; use :meth:`connect` after creation.

    Args:
        address: What the parent's ``get_address()`` returned.
    """

    __module__ = "sipyco.pipe_ipc"

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    async def connect(self) -> None:
        """Connect to the parent.

        Raises:
            OSError: There is no parent at this address.
        """
        loop: Any = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_SIZE)
        transport, protocol = await loop.create_pipe_connection(
            lambda: asyncio.StreamReaderProtocol(reader), self._address
        )
        self._reader = reader
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)


class ChildComm(PipeFiles):
    """The child's end, for programs without an event loop; it is connected at once.

    Windows lets one thread at a time use it: a :meth:`readline` that waits delays a
    :meth:`write` of another thread.

    Args:
        address: What the parent's ``get_address()`` returned.

    Raises:
        OSError: There is no parent at this address.
    """

    __module__ = "sipyco.pipe_ipc"

    def __init__(self, address: str) -> None:
        pipe = FileIO(address, "r+")
        super().__init__(pipe, pipe)
