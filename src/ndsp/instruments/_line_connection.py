"""The driver's end of a connection to an instrument that answers lines over TCP."""

import contextlib
import io
import socket

__all__ = ["LineConnection", "parse_address"]

ADDRESS_EXAMPLES = "192.168.1.20:5025 or [fd00::20]:5025"

MAX_LINE = 4096
"""Bytes of the longest line that an instrument answers; the instruments here send some tens."""

FAILURES = (OSError, ValueError)
"""What reading and writing raise: the latter if another thread has closed the file meanwhile."""


def parse_address(device: str) -> tuple[str, int]:
    """Split the address of an instrument.

    Args:
        device: ``"HOST:PORT"``; an IPv6 address stands in brackets.

    Returns:
        Host, and port from 1 to 65535.

    Raises:
        ValueError: It is no such address.
    """
    host, colon, port = device.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host.removeprefix("[").removesuffix("]") if is_bracketed else host
    is_number = port.isascii() and port.isdecimal() and 1 <= int(port) <= 0xFFFF
    # An IPv6 address without brackets would lose its last part to the port.
    if not host or not colon or not is_number or (":" in host and not is_bracketed):
        raise ValueError(f"{device!r} is not HOST:PORT; write for example {ADDRESS_EXAMPLES}")
    return host, int(port)


class LineConnection:
    """Sends lines to an instrument and reads what it answers.

    It never takes a late answer for that to another command: after each failure it disconnects.
    The next command connects anew, so that an instrument which was switched off and on again can
    be used without a new start of the program. Not for several threads at a time.

    Args:
        instrument: What it is, for error messages: ``"the attenuator"``.
        device: Its address, ``"HOST:PORT"``.
        timeout: Seconds that each answer may take, and the connection.

    Raises:
        ValueError: The address or the timeout is none. Nothing was opened.
    """

    def __init__(self, instrument: str, device: str, timeout: float) -> None:
        if not 0 < timeout < float("inf"):
            raise ValueError(f"cannot wait {timeout!r} s for {instrument}; give more than 0 s")
        self._address = parse_address(device)
        self._name = f"{instrument} at {device}"
        self._timeout = timeout
        self._is_closed = False
        self._socket: socket.socket | None = None
        self._reader: io.BufferedReader | None = None

    def ask(self, command: str, more_time: float = 0.0) -> str:
        """Send a command and read the line that answers it.

        Args:
            command: ASCII, without the end of the line.
            more_time: Seconds that the answer may take beyond the timeout.

        Returns:
            The line, without its end.

        Raises:
            TimeoutError: No answer in time. It may have been carried out. Disconnected.
            ConnectionError: The instrument cannot be reached or has hung up. Likewise.
                Or it was closed.
        """
        sent = f"{command}\n".encode("ascii")
        connection, reader = self._connected()
        allowed = self._timeout + more_time
        try:
            connection.settimeout(allowed)
            connection.sendall(sent)
            line = reader.readline(MAX_LINE)
        except FAILURES as error:
            raise self._lost(f"has not answered {command!r}", allowed, error) from error
        if not line.endswith(b"\n"):
            raise self._lost(f"hung up instead of answering {command!r}", allowed)
        return line.decode("ascii", errors="replace").strip()

    def receive_into(self, memory: memoryview) -> None:
        """Fill memory with the bytes that follow a line.

        Args:
            memory: Bytes, contiguous and writable. They are received right into it.

        Raises:
            TimeoutError: Nothing came for the time of the timeout. Disconnected.
            ConnectionError: The instrument has hung up. Disconnected.
        """
        connection, reader = self._connected()
        received = 0
        try:
            connection.settimeout(self._timeout)
            # It takes what lies in its buffer, and has the socket write the rest into the memory.
            received = reader.readinto(memory)
        except FAILURES as error:
            raise self._lost("stopped in the middle of its data", self._timeout, error) from error
        if received < memory.nbytes:
            raise self._lost(f"hung up after {received} of {memory.nbytes} bytes", self._timeout)

    def close(self) -> None:
        """Disconnect for good, from any thread: what is being asked fails. May be called again."""
        self._is_closed = True
        self.disconnect()

    def disconnect(self) -> None:
        """Disconnect. The next command connects anew."""
        connection, reader = self._socket, self._reader
        self._socket = self._reader = None
        if connection is not None:
            # Another thread may wait there; closing would wait for it.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if reader is not None:
            reader.close()
        if connection is not None:
            connection.close()

    def _connected(self) -> tuple[socket.socket, io.BufferedReader]:
        if self._is_closed:
            raise ConnectionError(f"the connection to {self._name} was closed")
        if self._socket is None or self._reader is None:
            try:
                connection = socket.create_connection(self._address, self._timeout)
            except OSError as error:
                raise ConnectionError(
                    f"cannot connect to {self._name}: {error.strerror or error}; is it switched on?"
                ) from error
            # Commands are short and wait for nothing.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = connection
            self._reader = connection.makefile("rb")
        return self._socket, self._reader

    def _lost(self, what: str, allowed: float, error: Exception | None = None) -> OSError:
        self.disconnect()
        if isinstance(error, TimeoutError):
            return TimeoutError(f"{self._name} {what} within {allowed:g} s; disconnected")
        reason = "" if error is None else f": {error}"
        return ConnectionResetError(f"{self._name} {what}{reason}; disconnected")
