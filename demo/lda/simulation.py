"""The instrument itself, simulated: it answers the real commands on a real socket."""

import socketserver
import threading
from types import TracebackType
from typing import Self


class _Conversation(socketserver.StreamRequestHandler):
    """Answers one line after the other until the driver hangs up."""

    server: "_Listener"

    def handle(self) -> None:
        """Read commands and write answers."""
        for line in self.rfile:
            self.wfile.write(f"{self._answer(line.decode('ascii').split())}\n".encode("ascii"))

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["ID"]:
                return "LDA-602 simulation"
            case ["GET"]:
                return f"{self.server.attenuation:.1f}"
            case ["SET", value]:
                try:
                    attenuation = float(value)
                except ValueError:
                    return "ERROR not a number"
                if not 0 <= attenuation <= 63:
                    return "ERROR out of range"
                self.server.attenuation = attenuation
                return "OK"
        return "ERROR unknown command"


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    attenuation = 63.0  # what the instrument powers up with: nothing gets through


class Simulation:
    """An attenuator on a local port that the system chooses; use it in a ``with`` statement.

    Attributes:
        host: Where it listens.
        port: The port.
    """

    def __init__(self) -> None:
        self._listener = _Listener(("127.0.0.1", 0), _Conversation)
        self.host = "127.0.0.1"
        self.port: int = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        """Switch it on."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Switch it off."""
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
