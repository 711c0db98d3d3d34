"""A parent and its child, connected by two pipes whose ends the child inherits."""

import asyncio
import contextlib
import os
from io import FileIO
from typing import Any

from sipyco._io.pipes import READ_SIZE, PipeFiles, PipeStreams

__all__ = ["AsyncioChildComm", "AsyncioParentComm", "ChildComm"]


class _FilePipeStreams(PipeStreams):
    """Streams over two files, which are closed with them."""

    def __init__(self) -> None:
        super().__init__()
        self._read_transport: asyncio.ReadTransport | None = None

    def close(self) -> None:
        super().close()
        if self._read_transport is not None:
            self._read_transport.close()

    async def _open(self, incoming: FileIO, outgoing: FileIO) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_SIZE)
        try:
            self._read_transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), incoming
            )
            transport, protocol = await loop.connect_write_pipe(
                lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), outgoing
            )
        except BaseException:
            self.close()
            for file in (incoming, outgoing):
                with contextlib.suppress(OSError):  # uvloop may have closed it
                    file.close()
            raise
        self._reader = reader
        self._writer = asyncio.StreamWriter(transport, protocol, None, loop)


class AsyncioParentComm(_FilePipeStreams):
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
        child_in, outgoing = os.pipe()
        try:
            incoming, child_out = os.pipe()
        except OSError:
            os.close(child_in)
            os.close(outgoing)
            raise
        self._ours = os.fdopen(incoming, "rb", 0), os.fdopen(outgoing, "wb", 0)
        self._childs = os.fdopen(child_in, "rb", 0), os.fdopen(child_out, "wb", 0)
        self._address = f"{child_in},{child_out}"

    def get_address(self) -> str:
        """Return what the child needs to connect to this object, once."""
        return self._address

    async def create_subprocess(self, *args: Any, **kwargs: Any) -> None:
        """Start the child. The arguments are those of :func:`asyncio.create_subprocess_exec`.

        Raises:
            OSError: It cannot be started. The pipes are closed then; make another object.
            RuntimeError: There is, or was, a child already.
        """
        if self._childs[0].closed:
            raise RuntimeError("this object had its child, or was closed; make another")
        # Nothing but what is passed may be inherited: others could keep the pipes open.
        kwargs.pop("close_fds", None)
        ends = tuple(end.fileno() for end in self._childs)
        try:
            await self._open(*self._ours)
            self.process = await asyncio.create_subprocess_exec(
                *args, **kwargs | {"pass_fds": (*kwargs.get("pass_fds", ()), *ends)}
            )
        except BaseException:
            self.close()
            raise
        finally:
            self._close_childs_ends()

    def close(self) -> None:
        """Close the pipes when everything has been sent. The process is not touched."""
        super().close()
        self._close_childs_ends()
        if self._reader is None:
            for end in self._ours:
                with contextlib.suppress(OSError):  # uvloop may have closed it
                    end.close()

    def _close_childs_ends(self) -> None:
        # As long as this process holds them, the end of the child does not end the streams.
        for end in self._childs:
            end.close()


class AsyncioChildComm(_FilePipeStreams):
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
            ValueError: The address is not one of a parent on this system.
            OSError: This process was not started by that parent.
        """
        incoming, outgoing = _inherited(self._address)
        await self._open(os.fdopen(incoming, "rb", 0), os.fdopen(outgoing, "wb", 0))


class ChildComm(PipeFiles):
    """The child's end, for programs without an event loop; it is connected at once.

    Args:
        address: What the parent's ``get_address()`` returned.

    Raises:
        ValueError: The address is not one of a parent on this system.
        OSError: This process was not started by that parent.
    """

    __module__ = "sipyco.pipe_ipc"

    def __init__(self, address: str) -> None:
        incoming, outgoing = _inherited(address)
        super().__init__(os.fdopen(incoming, "rb", 0), os.fdopen(outgoing, "wb", 0))


def _inherited(address: str) -> tuple[int, int]:
    """Find the descriptors that the parent has left open for this process."""
    numbers = address.split(",")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise ValueError(f"{address!r} is no address of a parent; pass what get_address() returned")
    incoming, outgoing = map(int, numbers)
    for number in (incoming, outgoing):
        # Children of this process must not keep the pipes open.
        os.set_inheritable(number, False)
    return incoming, outgoing
