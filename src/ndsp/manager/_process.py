"""One controller as a process, with all that it starts in turn."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Self

import psutil

from ndsp.manager._facts import Strength
from ndsp.manager._output import Output

__all__ = ["ManagedProcess", "end_group"]

LAST_OUTPUT = 1.0
"""Seconds for reading what is left in the pipes of a process that has ended. Something that it
started and that has left its group could keep them open for ever."""

ALWAYS: Mapping[str, str] = {
    # Otherwise what a controller prints comes when 8 KiB of it are together.
    "PYTHONUNBUFFERED": "1",
    # SIGABRT then shows where each thread was, and so does a crash of a vendor's library.
    "PYTHONFAULTHANDLER": "1",
}
"""Environment variables of all controllers; the entry may say otherwise."""

WINDOWS = sys.platform == "win32"


class ManagedProcess(asyncio.SubprocessProtocol):
    """A process in a group of its own, so that all of the group can be ended.

    Not :class:`asyncio.subprocess.Process`, which is taken for alive as long as anything that it
    has started keeps its output open.

    Args:
        name: Of the controller.

    Attributes:
        pid: The number of the process.
        output: What it prints.
    """

    def __init__(self, name: str) -> None:
        self.pid = 0
        self.output = Output(name)
        self._transport: asyncio.SubprocessTransport | None = None
        self._exited = asyncio.Event()
        self._closed = asyncio.Event()

    @classmethod
    async def start(
        cls, name: str, program: str, words: Sequence[str], environment: Mapping[str, str]
    ) -> Self:
        """Start a program.

        Args:
            name: Of the controller.
            program: The file.
            words: Its command line, the first word included.
            environment: All of its environment variables.

        Raises:
            OSError: It cannot be started.
        """
        _, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: cls(name),
            program,
            *words[1:],
            stdin=asyncio.subprocess.DEVNULL,
            env=environment,
            **_own_group(),
        )
        return process

    async def wait(self) -> str:
        """Wait for its end, end what it leaves behind, and take what it has printed.

        Returns:
            How it ended, for people: ``with status 1``, ``by SIGKILL``.
        """
        assert self._transport
        await self._exited.wait()
        end_group(self.pid, Strength.KILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_OUTPUT):
                await self._closed.wait()
        status = self._transport.get_returncode()
        self._transport.close()
        self.output.end()
        if status is not None and status < 0:
            with contextlib.suppress(ValueError):
                return f"by {signal.Signals(-status).name}"
        return f"with status {status}"

    def signal(self, strength: Strength) -> None:
        """Tell it, and all that it has started, to end."""
        if not self._exited.is_set():
            end_group(self.pid, strength)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the process."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what it prints."""
        self.output.feed(fd, data)

    def process_exited(self) -> None:
        """Note its end."""
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more can come."""
        self._closed.set()


def end_group(pid: int, strength: Strength) -> None:
    """Tell the group of processes that this one leads to end, as far as it still exists."""
    if WINDOWS:
        _end_tree(pid, strength)
        return
    number = {
        Strength.TERMINATE: signal.SIGTERM,
        Strength.DUMP: signal.SIGABRT,
        Strength.KILL: signal.SIGKILL,
    }[strength]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _end_tree(pid: int, strength: Strength) -> None:
    """Do the same on Windows, where a group only shares the keys that interrupt it."""
    if strength is Strength.TERMINATE:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
    if strength is not Strength.KILL:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        for process in (*leader.children(recursive=True), leader):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _own_group() -> dict[str, Any]:
    if WINDOWS:
        import subprocess  # noqa: PLC0415 - what is used of it exists there only

        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
    return {"start_new_session": True}
