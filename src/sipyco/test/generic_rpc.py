"""A test case that starts controllers as processes of their own and connects to them."""

import contextlib
import shlex
import socket
import subprocess
import time
import unittest
from collections.abc import Sequence
from typing import Any

from sipyco.pc_rpc import AutoTarget, Client

__all__ = ["GenericRPCCase"]

HOSTS = ("::1", "127.0.0.1")
"""Where controllers listen unless they are told otherwise; some on one of them only."""

RETRY = 0.02
"""Seconds between attempts to connect: starting Python takes some ten of them."""


class GenericRPCCase(unittest.TestCase):
    """Derive tests from it; what they start is stopped after each, however it ended."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._controllers: dict[str, tuple[subprocess.Popen[bytes], Client | None]] = {}

    def tearDown(self) -> None:
        """Stop what is still running."""
        self._stop_all()

    def start_server(
        self,
        name: str,
        command: str | Sequence[str],
        port: int,
        sleep: float = 2,
        target_name: str | type[AutoTarget] | None = AutoTarget,
        timeout: float | None = 1,
    ) -> Any:
        """Start a controller, wait until it listens, and connect to it.

        Args:
            name: For :meth:`stop_server`.
            command: What starts it, as a list or as it would be typed. It has to listen on the
                port on this machine.
            port: Its TCP port.
            sleep: Seconds until it must be there.
            target_name: As for :class:`sipyco.pc_rpc.Client`.
            timeout: As there: seconds of each wait, in calls too.

        Returns:
            A :class:`sipyco.pc_rpc.Client`, which :meth:`stop_server` closes.

        Raises:
            AssertionError: It ended, or was not there in time, or the port or name was in use.
                Nothing is left running.
            IncompatibleServer: It lacks the target. It is stopped after the test.
            ValueError: AutoTarget, and it has several targets. Likewise.
        """
        if name in self._controllers:
            self.fail(f"{name!r} was started already; give every controller a name of its own")
        if _is_occupied(port):
            self.fail(f"cannot start {name!r}: another program listens on port {port} already")
        words = shlex.split(command) if isinstance(command, str) else list(command)
        process = subprocess.Popen(words)  # noqa: S603  the test's own command
        self._controllers[name] = process, None
        self.addCleanup(self._stop_all)  # unlike tearDown(), also called if setUp() fails
        client = self._connect(name, process, port, time.monotonic() + sleep, target_name, timeout)
        self._controllers[name] = process, client
        return client

    def stop_server(self, name: str, timeout: float = 1) -> None:
        """Have a controller terminate, and see to it that it is gone.

        Args:
            name: As it was started.
            timeout: Seconds until a controller that was asked to end is told to, and then forced.

        Raises:
            KeyError: There is none of that name, or it was stopped before.
        """
        process, client = self._controllers.pop(name)
        if client is not None:
            # Whatever keeps it from terminating like that, it is ended by the system below.
            with contextlib.suppress(Exception):
                client._rpc_conversation.set_timeout(timeout)
                client.terminate()
            client.close_rpc()
            if _ended(process, timeout):
                return
        process.terminate()
        if not _ended(process, timeout):
            process.kill()
            process.wait()

    def _stop_all(self) -> None:
        for name in list(self._controllers):
            self.stop_server(name)

    def _connect(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        port: int,
        deadline: float,
        target_name: str | type[AutoTarget] | None,
        timeout: float | None,
    ) -> Client:
        while True:
            reason: OSError | None = None
            for host in HOSTS:
                try:
                    return Client(host, port, target_name, timeout)
                except OSError as exc:
                    reason = exc
            # The time until the next attempt is spent waiting for an early end.
            if _ended(process, RETRY):
                self.fail(f"{name!r} ended with status {process.returncode} instead of listening")
            if time.monotonic() > deadline:
                self.stop_server(name)
                self.fail(f"{name!r} could not be reached in time: {reason}")


def _ended(process: "subprocess.Popen[bytes]", timeout: float) -> bool:
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    return True


def _is_occupied(port: int) -> bool:
    for host in HOSTS:
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), 1.0).close()
            return True
    return False
