"""What simulated instruments have in common: a local TCP port on which lines are answered."""

import contextlib
import socket
import socketserver
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any

__all__ = ["LocalInstrument"]

POLL_INTERVAL = 0.02
"""Seconds until the listening thread notices that it is to end."""


class LocalInstrument(ABC):
    """An instrument on a local port that the system chooses.

    Use it in a ``with`` statement, which switches it on and gives its address, such as
    ``"127.0.0.1:50412"``. Several drivers may connect; their commands are carried out one at a
    time. Subclasses say what is answered.

    Attributes:
        is_off: Set when it is being switched off; whatever waits should wait for that.
    """

    def __init__(self) -> None:
        self.is_off = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @abstractmethod
    def answer(self, command: str) -> Sequence[bytes | memoryview]:
        """Carry out a command.

        Args:
            command: One line, without the end of the line. What is no ASCII is replaced.

        Returns:
            What is sent back, in parts that are sent one after the other; nothing if empty.
        """

    def hang_up(self) -> None:
        """End all connections, as when a cable is pulled. New ones are accepted."""
        if self._listener is not None:
            self._listener.hang_up()

    def __enter__(self) -> str:
        """Switch it on, and return its address."""
        self._listener = _Listener(self)
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            args=(POLL_INTERVAL,),
            name=f"simulated {type(self).__module__}",
        )
        self._thread.start()
        host, port = self._listener.server_address[:2]
        return f"{host!s}:{port}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Switch it off: it hangs up, and no thread and no socket is left."""
        assert self._listener is not None
        assert self._thread is not None
        self.is_off.set()
        self._listener.shutdown()
        self._thread.join()
        self._listener.hang_up()
        self._listener.server_close()

    def carry_out(self, line: bytes) -> Sequence[bytes | memoryview]:
        """Give the answer to one line of a driver, when it is its turn."""
        command = line.decode("ascii", errors="replace").strip()
        with self._one_at_a_time:
            answer = self.answer(command)
        # What was waiting meanwhile has not done what was asked for.
        return () if self.is_off.is_set() else answer


class _Conversation(socketserver.StreamRequestHandler):
    """Answers one line after the other until one side hangs up."""

    server: "_Listener"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        # A side that hangs up is how each conversation ends.
        with contextlib.suppress(OSError):
            for line in self.rfile:
                for part in self.server.instrument.carry_out(line):
                    self.connection.sendall(part)


class _Listener(socketserver.ThreadingTCPServer):
    def __init__(self, instrument: LocalInstrument) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.instrument = instrument
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._connections:
                # It wakes the thread that waits there for a line, which then closes the socket.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)
