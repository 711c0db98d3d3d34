"""The handler that sends the log of this program to a server."""

import asyncio
import contextlib
import logging
import socket
import ssl
from os import PathLike
from typing import Any

from sipyco._io import sockets, tls
from sipyco._io.tasks import TaskObject
from sipyco._wire import limits
from sipyco._wire.log_entries import LogEntry, encode_entry
from sipyco.logs._formats import MultilineFormatter
from sipyco.logs._link import LogLink
from sipyco.logs._outbox import Outbox

__all__ = ["LogForwarder"]

logger = logging.getLogger("sipyco.logs")

_MESSAGE = logging.Formatter()


class LogForwarder(logging.Handler, TaskObject):
    """Sends what is logged to a :class:`Server`, and keeps it while the server is away.

    Add it to a logger as any handler, and `start` it in an event loop; records may come from any
    thread, before and after that. Logging never waits and never fails because of the network: what
    does not fit into the queue is dropped, and an entry tells how much.

    When a connection is lost, what was sent on it last is sent again on the next: a server that is
    restarted misses nothing, but may see entries of the last 20 seconds twice.

    The source of an entry is the record's attribute ``source``, which a :class:`SourceFilter` sets.

    Args:
        host: Name or address of the server.
        port: Its TCP port.
        reconnect_timer: Seconds between attempts to connect.
        queue_size: Entries that are kept while they cannot be sent; 0 for any number.
        ssl_config: Certificates; None for no encryption.
        local_cert: With ``local_key`` and ``peer_cert``, another way to pass certificates.
        local_key: See ``local_cert``.
        peer_cert: See ``local_cert``.
        default_source: Source of records that do not say it; by default the name of this machine.
        **kwargs: For :class:`logging.Handler`: ``level``.
    """

    __module__ = "sipyco.logs"

    def __init__(
        self,
        host: str,
        port: int | str,
        reconnect_timer: float = 5.0,
        queue_size: int = 1000,
        ssl_config: tls.SimpleSSLConfig | None = None,
        *,
        local_cert: str | PathLike[str] | None = None,
        local_key: str | PathLike[str] | None = None,
        peer_cert: str | PathLike[str] | None = None,
        default_source: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.host = host
        self.port = sockets.parse_port(port)
        self.reconnect_timer = reconnect_timer
        self._config = tls.choose_config(ssl_config, local_cert, local_key, peer_cert)
        self._peer = sockets.peer_name(host, port)
        self._source = socket.gethostname() if default_source is None else str(default_source)
        self._queue_size = queue_size
        self._outbox = Outbox(queue_size, self._tell_dropped, self.lock)
        self._loop: asyncio.AbstractEventLoop | None = None  # while the task runs
        self._link: LogLink | None = None
        self._stop_is_asked = asyncio.Event()
        self._send_is_scheduled = False
        self._trouble_is_known = False

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record. From any thread; returns at once.

        A record that cannot be formatted is reported as other handlers do
        (:meth:`logging.Handler.handleError`). What the forwarder itself logs is not forwarded.
        """
        if hasattr(record, "is_about_forwarding"):
            return
        try:
            self._outbox.put(self._encode(record))
        except RecursionError:
            raise  # as other handlers do: the program that logs without end must not go on
        except Exception:  # noqa: BLE001  of the arguments, whatever they are; the program goes on
            self.handleError(record)
            return
        loop = self._loop
        if loop is not None and not self._send_is_scheduled:
            self._send_is_scheduled = True
            # A loop that was closed while the task ran will not send anything any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._send)

    def start(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin to send, as a task of the event loop, by default the current one.

        Raises:
            RuntimeError: It has begun already, and goes on.
        """
        if not self._is_running():
            self._stop_is_asked = asyncio.Event()
            if self._link is not None:  # of a loop that was closed: nothing is under way any more
                self._outbox.lost()
                self._link = None
        super().start(loop=loop)

    async def stop(self) -> None:
        """Send what is queued, for 2 seconds at most, and end.

        When the server is away or goes away, it is tried once more. What could not be sent is kept
        for another `start`, and counted in the log of this program.
        """
        if not hasattr(self, "task") or self._was_left():
            return
        self._stop_is_asked.set()
        if self._link is not None:
            self._link.finish()
        try:
            await asyncio.wait([self.task], timeout=limits.FLUSH_TIMEOUT)
        finally:
            await super().stop()
        if len(self._outbox):
            text = "stopped to forward the log to %s; %d entries may not have arrived"
            _tell(logging.WARNING, text, self._peer, len(self._outbox))

    async def _do(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._send_is_scheduled = False
        try:
            is_last = False
            while not (is_last or (self._stop_is_asked.is_set() and self._outbox.is_empty)):
                # A connection that is lost while this stops is made once more.
                is_last = self._stop_is_asked.is_set()
                error = await self._forward()
                if not self._stop_is_asked.is_set():
                    self._tell_trouble(error)
                    await self._wait_to_reconnect()
        finally:
            self._loop = None

    async def _wait_to_reconnect(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.reconnect_timer):
                await self._stop_is_asked.wait()

    async def _forward(self) -> OSError:
        """Connect, and send until the connection ends; return why it did."""
        try:
            self._link = link = await self._connect()
        except OSError as exc:
            return exc
        try:
            link.send()  # what was logged in this thread's back since the connection was made
            if self._stop_is_asked.is_set():
                link.finish()
            await asyncio.wait([link.ended])
        finally:
            self._link = None
            link.abort()
            await asyncio.wait([link.ended])
        # A log server never says a word. With TLS, one that ends the connection soon most likely
        # does not accept the certificate.
        return tls.loss_error(
            link.ended.result(),
            self._peer,
            encrypted=self._config is not None,
            heard=link.lasted,
        )

    async def _connect(self) -> LogLink:
        context = None if self._config is None else self._config.create_client_context()
        loop = asyncio.get_running_loop()
        try:
            _, link = await loop.create_connection(
                lambda: LogLink(self._outbox, self._tell_success),
                self.host,
                self.port,
                ssl=context,
                server_hostname=None if context is None else self.host,
                ssl_handshake_timeout=None if context is None else limits.TLS_HANDSHAKE_TIMEOUT,
            )
        except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as exc:
            raise tls.handshake_error(exc, self._peer) from exc
        except OSError as exc:
            raise sockets.with_peer(exc, self._peer) from None
        except ValueError as exc:  # of a name that is none; it would end the task
            raise OSError(f"{self.host!r} is no name of a machine: {exc}") from exc
        return link

    def _send(self) -> None:
        self._send_is_scheduled = False
        if self._link is not None:
            self._link.send()

    def _encode(self, record: logging.LogRecord) -> bytes:
        # The header of that formatter is what encode_entry() writes.
        is_spelled = isinstance(self.formatter, MultilineFormatter)
        message = _MESSAGE.format(record) if is_spelled else self.format(record)
        source = str(getattr(record, "source", self._source))
        return encode_entry(LogEntry(record.levelno, record.name, message, source))

    def _tell_dropped(self, number: int) -> bytes:
        message = (
            f"{number} log entries were dropped: "
            f"{self._queue_size} were waiting to be sent (queue_size)"
        )
        return encode_entry(LogEntry(logging.WARNING, logger.name, message, self._source))

    def _tell_success(self) -> None:
        if self._trouble_is_known:
            self._trouble_is_known = False
            _tell(logging.INFO, "forwarding the log to %s", self._peer)

    def _tell_trouble(self, error: OSError) -> None:
        # Once per outage, or a program would fill its own log with it.
        level = logging.DEBUG if self._trouble_is_known else logging.WARNING
        self._trouble_is_known = True
        text = "cannot forward the log: %s; trying again every %g s, entries are kept"
        _tell(level, text, error, self.reconnect_timer)


def _tell(level: int, text: str, *args: object) -> None:
    """Log something that no forwarder may forward: it could cause itself without end."""
    logger.log(level, text, *args, extra={"is_about_forwarding": True})
