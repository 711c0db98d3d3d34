"""A server and a client in processes of their own, each on a core of its own.

Processes are told what to import by name, so that the one that starts them stays small: the peak
of memory that a process has reached is handed down to those that it starts.
"""

import importlib
import multiprocessing
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_TIME = 30.0
"""Seconds until a server listens."""

ANSWER_TIME = 60.0
"""Seconds until a client has a figure. What takes longer hangs."""

STATEMENT = Path("/proc/self/statm")


class BenchmarkFailed(Exception):
    """A process could not be started, or has answered with a traceback."""


@dataclass(frozen=True)
class Memory:
    """Of a process, in bytes. What is resident now is known on Linux only."""

    peak: int
    resident: int | None


def memory() -> Memory:
    """Measure this process. Not on Windows."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    resident = None
    if STATEMENT.exists():
        resident = int(STATEMENT.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Memory(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, resident)


class Pair:
    """A server and its client; use it in a ``with`` statement.

    Args:
        module: Has two functions: ``serve(port, **options)``, which serves until the process
            ends, and ``figures(port, **options)``, which returns names and functions that
            measure something once.
        options: Keyword arguments for both.
    """

    def __init__(self, module: str, options: Mapping[str, str]) -> None:
        self.is_closed = False
        self._processes: list[multiprocessing.process.BaseProcess] = []
        self._pipes: list[Connection] = []
        try:
            self._server = self._start(_serve, module, dict(options))
            port = self._receive(self._server, START_TIME)
            self._wait_until_it_listens(port)
            self._client = self._start(_measure, module, dict(options), port)
            self._names: list[str] = self._receive(self._client, START_TIME)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        """Tell whether the client can measure something of this name, and still runs."""
        return name in self._names and not self.is_closed

    def figure(self, name: str) -> float:
        """Have the client measure something, once. If that fails, both processes are ended."""
        try:
            self._client.send(name)
            figure: float = self._receive(self._client, ANSWER_TIME)
        except BaseException:
            self.close()
            raise
        return figure

    def server_memory(self) -> Memory:
        self._server.send(None)
        answer: Memory = self._receive(self._server, ANSWER_TIME)
        return answer

    def close(self) -> None:
        """End both processes, the client first. May be called again."""
        self.is_closed = True
        for process in reversed(self._processes):
            process.terminate()
            process.join(3)
            if process.is_alive():
                process.kill()
                process.join()
        for pipe in self._pipes:
            pipe.close()

    def _wait_until_it_listens(self, port: int) -> None:
        deadline = time.monotonic() + START_TIME
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                if self._server.poll(0.01):
                    self._receive(self._server, 0)
            else:
                return
        raise BenchmarkFailed(f"nothing listens after {START_TIME:g} s")

    def _start(self, role: Any, *args: Any) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._pipes.append(ours)
        process = context.Process(target=role, args=(theirs, *args), daemon=True)
        process.start()
        self._processes.append(process)
        theirs.close()
        return ours

    def _receive(self, pipe: Connection, seconds: float) -> Any:
        if not pipe.poll(seconds):
            raise BenchmarkFailed(f"nothing heard from a process for {seconds:g} s")
        try:
            answer = pipe.recv()
        except EOFError:
            raise BenchmarkFailed("a process has ended without a word") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(pipe: Connection, module: str, options: dict[str, str]) -> None:
    _pin(1)
    try:
        serve = importlib.import_module(module).serve
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        pipe.send(port)
        threading.Thread(target=_tell_memory, args=(pipe,), daemon=True).start()
        serve(port, **options)
    except Exception:  # noqa: BLE001  whatever it is, the other process tells it
        pipe.send(BenchmarkFailed(traceback.format_exc()))


def _tell_memory(pipe: Connection) -> None:
    """Answer whenever asked, and end the process when nobody is left to ask."""
    try:
        while True:
            pipe.recv()
            pipe.send(memory())
    except (EOFError, OSError):
        os._exit(0)


def _measure(pipe: Connection, module: str, options: dict[str, str], port: int) -> None:
    _pin(0)
    try:
        figures = importlib.import_module(module).figures(port, **options)
        pipe.send(list(figures))
        while True:
            pipe.send(figures[pipe.recv()]())
    except EOFError:
        return
    except Exception:  # noqa: BLE001  whatever it is, the other process tells it
        pipe.send(BenchmarkFailed(traceback.format_exc()))


def _pin(core: int) -> None:
    """Stay on one core, where the system knows how."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[core % len(allowed)]})
