"""The server that collects the logs of other programs."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterable

from sipyco._io.connection import ConnectionServer, ServerConnection
from sipyco._wire.log_entries import LogEntry, LogServerSession, LogServerState, Refused
from sipyco.logs._parser import log_entry

__all__ = ["Server"]

logger = logging.getLogger("sipyco.logs")

RECEIVE_BUFFER_SIZE = 256 << 10
"""Bytes that the system accepts for a connection before this program has read them.

They are gone when the program is killed. A forwarder sends again what it sent last, and can only do
so if that is not megabytes, to which the buffer would grow by itself.
"""


class Server(ConnectionServer):
    """Receives logs over TCP and logs them here, each record with the attribute ``source``.

    It is started and stopped as every :class:`~sipyco.tools.AsyncioServer`.
    """

    __module__ = "sipyco.logs"

    def _make_protocol(self) -> asyncio.BaseProtocol:
        return _Connection(self)


class _Connection(ServerConnection, asyncio.Protocol):
    """One program that sends its log."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._session = LogServerSession()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        _limit_receive_buffer(transport)

    def data_received(self, data: bytes) -> None:
        received = self._session.receive(data)
        if isinstance(received, Refused):
            logger.warning("closed the connection from %s: %s", self.peer, received.reason)
            self.close()
        else:
            if self._session.state is LogServerState.READY:
                self.has_spoken()
            self._log(received)

    def connection_lost(self, exc: Exception | None) -> None:
        self._log(self._session.receive_end())
        super().connection_lost(exc)

    def _log(self, entries: Iterable[LogEntry]) -> None:
        for entry in entries:
            log_entry(entry, self.peer if entry.source is None else entry.source)


def _limit_receive_buffer(transport: asyncio.BaseTransport) -> None:
    shown = transport.get_extra_info("socket")
    if shown is None or sys.platform == "win32":  # where it does not grow that much
        return
    # uvloop's socket has no setsockopt; options of a duplicate are those of the connection.
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(shown.fileno())) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_SIZE)
