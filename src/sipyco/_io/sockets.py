"""Sockets as this library wants them: addresses, keepalive, connecting, waiting."""

import asyncio
import contextlib
import operator
import os
import select
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "async_open_connection",
    "certificate_subject",
    "create_connection",
    "parse_port",
    "peer_name",
    "prepare",
    "prepare_transport",
    "set_keepalive",
    "wait_ready",
    "with_peer",
]

KEEPALIVE_AFTER_IDLE = 10.0
"""Seconds without traffic before the other machine is asked whether it is still there."""

KEEPALIVE_INTERVAL = 10.0
"""Seconds between questions that were not answered."""

MAX_UNSENT_SIZE = 1 << 20
"""Bytes that wait in the system until they can be sent, where it can be told so."""

KEEPALIVE_MAX_FAILS = 3
"""Unanswered questions after which the connection counts as lost: half a minute in all."""


def parse_port(port: int | str) -> int:
    """Take a port as programs hand it over: a number, or its digits.

    Raises:
        ValueError: It is neither, or not from 0 to 65535.
    """
    try:
        # Not int(): it takes "1_000" and digits of other scripts for numbers, and cuts 80.7.
        if isinstance(port, str):
            digits = port.strip()
            number = int(digits) if digits.isascii() and digits.isdecimal() else -1
        else:
            number = -1 if isinstance(port, bool) else operator.index(port)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= 65535:
        raise ValueError(f"{port!r} is no TCP port; ports are numbers from 0 to 65535")
    return number


def peer_name(host: str | None, port: int | str) -> str:
    """Name the other end in messages: ``localhost:3249``, ``[::1]:3249``."""
    return f"[{host}]:{port}" if host and ":" in host else f"{host}:{port}"


def with_peer(error: OSError, peer: str) -> OSError:
    """Return the error, of the same class, with a text that says whom it was about."""
    reason = error.strerror or str(error) or type(error).__name__
    hint = ""
    if isinstance(error, socket.gaierror):
        hint = "; is the host's name spelled right?"
    elif isinstance(error, ConnectionRefusedError):
        hint = "; is the server running, and on this port?"
    message = f"could not connect to {peer}: {reason[:1].lower()}{reason[1:]}{hint}"
    if error.errno is None:
        return type(error)(message)
    return type(error)(error.errno, message)


def set_keepalive(
    sock: socket.socket,
    after_idle: float | None = None,
    interval: float | None = None,
    max_fails: int | None = None,
) -> None:
    """Let the system find out when the other machine has disappeared without a word.

    Args:
        sock: A TCP socket.
        after_idle: Seconds without traffic before the first question; default 10.
        interval: Seconds between questions; default 10.
        max_fails: Unanswered questions after which the connection is lost; default 3.

    Raises:
        ValueError: A setting is no number, or larger than systems accept. Nothing was changed.
    """
    _set_keepalive(sock, _keepalive_settings(after_idle, interval, max_fails))


def _keepalive_settings(
    after_idle: float | None, interval: float | None, max_fails: int | None
) -> dict[str, int]:
    idle = KEEPALIVE_AFTER_IDLE if after_idle is None else after_idle
    pause = KEEPALIVE_INTERVAL if interval is None else interval
    fails = KEEPALIVE_MAX_FAILS if max_fails is None else max_fails
    # The maxima are those of Linux, which refuses more; the seconds are nine hours.
    return {
        "TCP_KEEPIDLE" if sys.platform != "darwin" else "TCP_KEEPALIVE": _keepalive_number(
            "after_idle", idle, 32767
        ),
        "TCP_KEEPINTVL": _keepalive_number("interval", pause, 32767),
        "TCP_KEEPCNT": _keepalive_number("max_fails", fails, 127),
    }


def _keepalive_number(name: str, value: float, maximum: int) -> int:
    # Whole numbers, at least one, are what the systems understand.
    try:
        number = max(1, operator.index(round(value)))
    except (TypeError, ValueError, OverflowError):  # no number, NaN, infinite
        number = maximum + 1
    if number > maximum:
        raise ValueError(f"{name} of keepalive is {value!r}; give a number up to {maximum}")
    return number


def _set_keepalive(sock: socket.socket, settings: Mapping[str, int]) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in settings.items():
        # Windows before 10 version 1709 lacks some of these: keepalive then keeps its defaults.
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def prepare(sock: socket.socket) -> None:
    """Set what every connection of this library has.

    That is keepalive, no waiting for more to send, and not much that waits in the system: what is
    small could not overtake it there.
    """
    set_keepalive(sock)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_SIZE)


def prepare_transport(transport: asyncio.BaseTransport) -> None:
    """Do the same for the socket below a transport, of asyncio or of uvloop."""
    with _real_socket(transport) as sock:
        prepare(sock)


def certificate_subject(transport: asyncio.BaseTransport) -> str | None:
    """Name the subject of the certificate that the other end has shown; None without TLS."""
    certificate = transport.get_extra_info("peercert")
    if not certificate:
        return None
    names = [f"{key}={value}" for part in certificate.get("subject", ()) for key, value in part]
    return ",".join(names)


def create_connection(
    host: str,
    port: int | str,
    *args: Any,
    after_idle: float | None = None,
    interval: float | None = None,
    max_fails: int | None = None,
    **kwargs: Any,
) -> socket.socket:
    """Connect a blocking socket and turn keepalive on.

    Args:
        host: Name or address.
        port: TCP port.
        *args: Further arguments of :func:`socket.create_connection`, as ``timeout``.
        after_idle: As for :func:`set_keepalive`.
        interval: As for :func:`set_keepalive`.
        max_fails: As for :func:`set_keepalive`.
        **kwargs: Further arguments of :func:`socket.create_connection`.

    Raises:
        OSError: Of the class that the standard library raises, with a text that names the peer.
            Nothing is left open.
        ValueError: The port or a setting of keepalive is none. Nothing was connected.
    """
    settings = _keepalive_settings(after_idle, interval, max_fails)
    try:
        sock = socket.create_connection((host, parse_port(port)), *args, **kwargs)
    except OSError as exc:
        raise with_peer(exc, peer_name(host, port)) from None
    try:
        _set_keepalive(sock, settings)
    except BaseException:
        sock.close()
        raise
    return sock


async def async_open_connection(
    host: str,
    port: int | str,
    *args: Any,
    after_idle: float | None = None,
    interval: float | None = None,
    max_fails: int | None = None,
    **kwargs: Any,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a stream connection and turn keepalive on.

    Args:
        host: Name or address.
        port: TCP port.
        *args: Further arguments of :func:`asyncio.open_connection`.
        after_idle: As for :func:`set_keepalive`.
        interval: As for :func:`set_keepalive`.
        max_fails: As for :func:`set_keepalive`.
        **kwargs: Further arguments of :func:`asyncio.open_connection`, as ``limit`` or ``ssl``.

    Raises:
        OSError: As for :func:`create_connection`.
        ValueError: As for :func:`create_connection`.
    """
    settings = _keepalive_settings(after_idle, interval, max_fails)
    try:
        streams = await asyncio.open_connection(host, parse_port(port), *args, **kwargs)
    except ssl.SSLError:
        raise  # its text says more than that the peer could not be reached
    except OSError as exc:
        raise with_peer(exc, peer_name(host, port)) from None
    try:
        with _real_socket(streams[1].transport) as sock:
            _set_keepalive(sock, settings)
    except BaseException:
        streams[1].transport.abort()
        raise
    return streams


@contextlib.contextmanager
def _real_socket(transport: asyncio.BaseTransport) -> Iterator[socket.socket]:
    # uvloop hands out a pseudo-socket without setsockopt; options set on a duplicate of the
    # descriptor are those of the connection. On Windows the transport's socket is a real one.
    shown = transport.get_extra_info("socket")
    if sys.platform == "win32":
        yield shown
        return
    with socket.socket(fileno=os.dup(shown.fileno())) as sock:
        yield sock


def wait_ready(
    sock: socket.socket, *, reading: bool, writing: bool, timeout: float | None
) -> tuple[bool, bool]:
    """Wait until a non-blocking socket can be read or written.

    Args:
        sock: The socket.
        reading: Wait for data, the end of the stream, or an error.
        writing: Wait for room.
        timeout: Seconds; None waits for ever, 0 only looks.

    Returns:
        Whether it can be read, and whether it can be written. Both False: time is up.
    """
    if not hasattr(select, "poll"):  # Windows, where select has no limit on descriptors' values
        readers, writers, broken = select.select(
            [sock] if reading else [], [sock] if writing else [], [sock], timeout
        )
        return bool(readers or broken), bool(writers or broken)
    poll = select.poll()
    poll.register(sock, (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0))
    # What does not fit into a C int is as good as for ever.
    ready = poll.poll(None if timeout is None or timeout > 1e6 else timeout * 1000)
    if not ready:
        return False, False
    happened = ready[0][1]
    trouble = bool(happened & ~(select.POLLIN | select.POLLOUT))
    return (
        reading and (trouble or bool(happened & select.POLLIN)),
        writing and (trouble or bool(happened & select.POLLOUT)),
    )
