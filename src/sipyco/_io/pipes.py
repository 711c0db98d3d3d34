"""What the ends of a pair of pipes have in common, on whatever system."""

import asyncio
from io import BufferedReader, FileIO

from sipyco._wire.errors import MessageTooLargeError
from sipyco._wire.limits import MAX_MESSAGE_SIZE

__all__ = ["PipeFiles", "PipeStreams"]

READ_SIZE = 256 << 10
"""Bytes taken at a time; the streams of asyncio hold back a writer who is that far ahead."""


class PipeFiles:
    """Reads and writes without an event loop."""

    def __init__(self, incoming: FileIO, outgoing: FileIO) -> None:
        # A buffer for one direction only: where both are one file, one for both would want to
        # seek between them.
        self._incoming = BufferedReader(incoming)
        self._outgoing = outgoing

    def readline(self) -> bytes:
        """Wait for a line and return it with its end; b"" when the parent has closed its end."""
        return self._incoming.readline()

    def read(self, n: int = -1) -> bytes:
        """Wait for ``n`` bytes, or the end of the stream, and return what there is.

        A negative ``n`` reads to the end of the stream.
        """
        return self._incoming.read(n)

    def write(self, data: bytes) -> None:
        """Send bytes, and wait until all of them are on the way.

        Raises:
            OSError: The parent does not read any more.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[self._outgoing.write(rest) :]

    def close(self) -> None:
        """Close this side."""
        self._incoming.close()
        self._outgoing.close()


class PipeStreams:
    """Reads and writes on an event loop, once subclasses have made the streams."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        # asyncio's own readline() wants a limit that is also what it would read ahead of a slow
        # reader. Lines here may be as long as messages, so that would be too much.
        self._buffer = bytearray()

    async def readline(self) -> bytes:
        """Return the next line with its end; at the end of the stream what is left, at last b"".

        A cancelled call loses nothing.

        Raises:
            MessageTooLargeError: There is no end within 1 GiB. The bytes can still be :meth:`read`.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_MESSAGE_SIZE:
                raise MessageTooLargeError("a line", searched, MAX_MESSAGE_SIZE)
            if not await self._fill():
                return self._take(len(self._buffer))
        return self._take(end + 1)

    async def read(self, n: int = -1) -> bytes:
        """Return up to ``n`` bytes, as soon as there are some; b"" at the end of the stream.

        A negative ``n`` returns everything up to the end of the stream.
        """
        if n < 0:
            while await self._fill():
                pass
            return self._take(len(self._buffer))
        if n and not self._buffer:
            await self._fill()
        return self._take(n)

    def write(self, data: bytes) -> None:
        """Send bytes; they are kept until there is room. Nothing tells whether they arrive."""
        self._connected()
        memoryview(data)  # of a str, asyncio only asserts that it is none
        # uvloop raises when the other side has gone, where asyncio drops the bytes.
        if self._writer is not None and not self._writer.transport.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        """Wait until there is room for more.

        Raises:
            ConnectionResetError: The other side does not read any more.
        """
        self._connected()
        if self._writer is None:
            raise ConnectionResetError("the other side has ended without ever being connected")
        try:
            await self._writer.drain()
        except BrokenPipeError as exc:
            raise ConnectionResetError("the other side has ended") from exc

    def close(self) -> None:
        """Close this side when everything has been sent. Whoever reads here gets the end."""
        if self._writer is not None:
            self._writer.close()
        if self._reader is not None:
            self._reader.feed_eof()

    def _connected(self) -> asyncio.StreamReader:
        if self._reader is None:
            raise RuntimeError("there is no other side yet; call create_subprocess() or connect()")
        return self._reader

    async def _fill(self) -> bool:
        """Wait for bytes. False at the end of the stream."""
        data = await self._connected().read(READ_SIZE)
        self._buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:size])  # a slice of the bytearray itself would copy twice
        del self._buffer[:size]
        return taken
