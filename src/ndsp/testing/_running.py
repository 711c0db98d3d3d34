"""A controller that runs, whether in this process or in its own."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pytest

from sipyco.pc_rpc import AutoTarget, Client
from sipyco.tools import SimpleSSLConfig

if TYPE_CHECKING:
    from ndsp.testing._faulty_link import FaultyLink

__all__ = ["ControllerDidNotStart", "RunningController"]


SSL_FILES = ("local_cert", "local_key", "peer_cert")


class ControllerDidNotStart(Exception):
    """A controller ended, or was ended, before it listened.

    Attributes:
        status: Its exit status; None if it was still starting when patience was over.
        output: What it had printed, if it had a process of its own.
    """

    __module__ = "ndsp.testing"

    def __init__(self, message: str, *, status: int | None, output: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.output = output


class RunningController(ABC):
    """A controller that the fixture ``controller`` has started.

    Attributes:
        name: What to call it: the name of its target, or of its module or file.
        host: Local address on which it listens.
        port: TCP port on which it listens.
    """

    __module__ = "ndsp.testing"

    name: str
    host: str
    port: int

    def __init__(self, patience: float, ssl_config: SimpleSSLConfig | None) -> None:
        self._patience = patience
        self._ssl_config = ssl_config
        self._clients: list[Client] = []
        self._is_done = False

    def client(
        self,
        target_name: str | type[AutoTarget] | None = AutoTarget,
        timeout: float | None = 10.0,
        *,
        via: "FaultyLink | None" = None,
        **options: Any,
    ) -> Client:
        """Connect a client, which is closed at the end of the test.

        Args:
            target_name: As for :class:`sipyco.pc_rpc.Client`.
            timeout: As there.
            via: A link to this controller to connect through.
            options: As there. ``ssl_config`` is that of ``tls=`` if the controller has one.
        """
        options = {"ssl_config": self._ssl_config} | options
        host, port = (via.host, via.port) if via else (self.host, self.port)
        client = Client(host, port, target_name, timeout, **options)
        self._clients.append(client)
        return client

    def entry(self, **keys: Any) -> dict[str, Any]:
        """Give its entry in a device database, with TLS if it uses that.

        Args:
            keys: What else the entry says: ``target_name``, ``best_effort``.
        """
        entry: dict[str, Any] = {"type": "controller", "host": self.host, "port": self.port}
        if self._ssl_config is not None:
            files = {key: str(getattr(self._ssl_config, key)) for key in SSL_FILES}
            entry["simple_ssl_config"] = files
        return entry | keys

    @abstractmethod
    def output(self) -> str:
        """Give what it has printed so far, standard output and error together.

        Raises:
            RuntimeError: It is served in this process, where pytest's ``capsys`` and ``caplog``
                have what it prints and logs.
        """

    def stop(self, *, status: int | None = 0) -> None:
        """Ask it to end, as a service manager does, and wait for it; nothing if it has ended.

        The test fails if it does not end in time, ends in another way, or leaves something behind.

        Args:
            status: The exit status that is right; None for any.
        """
        __tracebackhide__ = True
        if self._is_running():
            self._ask_to_end()
        self.wait(status=status)

    def wait(self, *, status: int | None = 0) -> None:
        """Wait until it ends by itself, because a client has told it so or because it fails.

        The test fails as described for :meth:`stop`.

        Args:
            status: The exit status that is right; None for any.
        """
        __tracebackhide__ = True
        complaints = self._wait(status)
        if complaints:
            pytest.fail("\n".join(complaints), pytrace=False)

    def close(self) -> list[str]:
        """Close the clients, stop the controller, and tell what is not as it should be."""
        for client in self._clients:
            client.close_rpc()
        if self._is_done:
            return []
        if self._is_running():
            self._ask_to_end()
        return self._wait(0)

    @abstractmethod
    def _is_running(self) -> bool: ...

    @abstractmethod
    def _ask_to_end(self) -> None: ...

    @abstractmethod
    def _wait(self, status: int | None) -> list[str]: ...
