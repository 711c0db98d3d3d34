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


class ManagedProcess:
    """A process in a group of its own, so that all of the group can be ended.

    Attributes:
        pid: Its number.
        output: What it prints.
    """

    def __init__(self, process: asyncio.subprocess.Process, output: Output) -> None:
        self.pid = process.pid
        self.output = output
        self._process = process
        streams = [stream for stream in (process.stdout, process.stderr) if stream]
        self._readers = [asyncio.create_task(output.read(stream)) for stream in streams]

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
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            program,
            *words[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=environment,
            **_own_group(),
        )
        return cls(process, Output(name))

    async def wait(self) -> str:
        """Wait for its end, end what it leaves behind, and read what it has printed.

        Returns:
            How it ended, for people: ``with status 1``, ``by SIGKILL``.
        """
        status = await self._process.wait()
        end_group(self.pid, Strength.KILL)
        _, unfinished = await asyncio.wait(self._readers, timeout=LAST_OUTPUT)
        for reader in unfinished:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"by {signal.Signals(-status).name}"
        return f"with status {status}"

    def signal(self, strength: Strength) -> None:
        """Tell it, and all that it has started, to end."""
        if self._process.returncode is None:
            end_group(self.pid, strength)


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
