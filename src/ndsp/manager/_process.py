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

MOST_AT_ONCE = 1 << 20
"""Bytes of output after which there is a pause."""

PAUSE = 0.05
"""Seconds. A program that prints 20 MB a second has to wait."""

LOOK_EVERY = 0.05
"""Seconds between two looks whether a group has ended whose leader has."""

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
        self._was_told_to_end = False
        self._taken = 0  # bytes since the last pause
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
        """Wait for the end of all of its group, and take what it has printed.

        If it ends by itself, what it leaves behind is killed. If it was told to end, the others of
        its group go on with that: a shell ends sooner than what it has started.

        Returns:
            How it ended, for people: ``with status 1``, ``by SIGKILL``.
        """
        assert self._transport
        await self._exited.wait()
        if not self._was_told_to_end:
            end_group(self.pid, Strength.KILL)
        while self._has_group():  # noqa: ASYNC110 - the system tells nobody of its end
            await asyncio.sleep(LOOK_EVERY)
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
        """Tell it, and all that it has started, to end. Not after :meth:`wait`."""
        self._was_told_to_end = True
        end_group(self.pid, strength)

    def _has_group(self) -> bool:
        """Tell whether processes of its group are alive; those that nobody has buried are not."""
        if WINDOWS:
            return False
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return any(_is_of_group(process, self.pid) for process in psutil.process_iter())

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the process."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what it prints, at a rate that leaves time for others."""
        self.output.feed(fd, data)
        self._taken += len(data)
        pipe = self._transport and self._transport.get_pipe_transport(fd)
        if self._taken > MOST_AT_ONCE and isinstance(pipe, asyncio.ReadTransport):
            self._taken = 0
            pipe.pause_reading()
            asyncio.get_running_loop().call_later(PAUSE, pipe.resume_reading)

    def process_exited(self) -> None:
        """Note its end."""
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nothing more can come."""
        self._closed.set()


def _is_of_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


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
