"""A manager as a process of its own, with the database of a test."""

import asyncio
import contextlib
import pprint
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil

from sipyco.pc_rpc import Client
from sipyco.sync_struct import Subscriber
from tests.processes import PATIENCE, free_port, listens, program

States = dict[str, dict[str, Any]]

TROUBLED = f"{sys.executable} -m tests.ndsp.manager.troubled {{port}}"

QUICK = {"ping_timer": 0.1, "ping_timeout": 1.0, "term_timeout": 2.0, "retry_timer": 0.1}
"""Timers for tests, which do not want to wait."""


def troubled(*words: str, **more: Any) -> dict[str, Any]:
    """An entry of the controller that can be brought into trouble."""
    command = " ".join([TROUBLED, *words])
    entry = {"type": "controller", "host": "127.0.0.1", "port": free_port(), "command": command}
    return {**entry, **QUICK, **more}


class Laboratory:
    """Runs a manager with a database; use it in a ``with`` statement.

    Args:
        directory: Where the database is.
        database: What is in it.
        options: Further options of the manager; with ``-s``, it has no database of its own.
        environment: Of the manager.
        text: What is in the file of the database instead.
        stopped_console: What the manager shows is read by nobody.
    """

    def __init__(
        self,
        directory: Path,
        database: dict[str, Any],
        *options: str,
        environment: dict[str, str] | None = None,
        stopped_console: bool = False,
        text: str | None = None,
    ) -> None:
        self.database = database
        self.control_port = free_port()
        self.publisher_port = free_port()
        self._file = directory / "device_db.py"
        self._shown = directory / "shown.log"
        self._environment = environment
        self._has_stopped_console = stopped_console
        self._options = options
        self._stack = contextlib.ExitStack()
        self.process: subprocess.Popen[str]
        self.write_text(text) if text is not None else self.write(database)

    def write(self, database: dict[str, Any]) -> None:
        self.write_text(f"device_db = {pprint.pformat(database, sort_dicts=False)}\n")

    def write_text(self, text: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(self._file)

    def start(self) -> None:
        has_source = {"-s", "--device-db"}.intersection(self._options)
        source = () if has_source else ("--device-db", str(self._file))
        ports = (
            "--port-control",
            str(self.control_port),
            "--port-publish",
            str(self.publisher_port),
        )
        words = ("-m", "ndsp", "ctlmgr", *source, *ports, *self._options)
        shown: IO[str] | int = subprocess.PIPE
        if not self._has_stopped_console:
            shown = self._stack.enter_context(self._shown.open("a", encoding="utf-8"))
        made = program(*words, env=self._environment, stderr=shown)
        self.process = self._stack.enter_context(made)
        listens(self.process, self.publisher_port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._stack:
            if self.process.poll() is None:
                self.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(PATIENCE)

    def end(self) -> str:
        """Ask the manager to end, and give what it has shown."""
        self.process.terminate()
        return self.ended()

    def ended(self) -> str:
        """Wait for its end, and give what it has shown."""
        self.process.wait(PATIENCE)
        return self._shown.read_text("utf-8")

    @contextlib.contextmanager
    def control(self) -> Iterator[Any]:
        with Client("127.0.0.1", self.control_port, "ctlmgr", PATIENCE) as client:
            yield client

    @contextlib.contextmanager
    def client(self, name: str, timeout: float = PATIENCE) -> Iterator[Any]:
        with Client("127.0.0.1", self.database[name]["port"], timeout=timeout) as client:
            yield client

    def until(self, holds: Callable[[States], bool]) -> States:
        """Follow the published states until something holds, and give them."""
        return asyncio.run(self._until(holds))

    async def _until(self, holds: Callable[[States], bool]) -> States:
        states: States = {}
        changed = asyncio.Event()

        def build(new: States) -> States:
            nonlocal states
            states = new
            return new

        subscriber = Subscriber("controllers", build, lambda _mod: changed.set())
        await subscriber.connect("127.0.0.1", self.publisher_port)
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await changed.wait()
                    changed.clear()
                    # As long as it prepares, it knows of no controllers.
                    with contextlib.suppress(KeyError):
                        if holds(states):
                            return states
        except TimeoutError:
            raise AssertionError(f"it stays like this: {states}") from None
        finally:
            await subscriber.close()

    def running(self, *names: str) -> States:
        """Wait until these controllers run."""
        return self.until(
            lambda s: all(name in s and s[name]["state"] == "running" for name in names)
        )

    def log(self, name: str | None = None) -> str:
        """What has been logged so far."""
        with self.control() as control:
            return "\n".join(
                f"{entry['level']}:{entry['message']}" for entry in control.logs(name, 1000)
            )


def gone(*pids: int) -> None:
    """Wait until processes have ended."""
    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
    _, alive = psutil.wait_procs(processes, PATIENCE)
    assert not alive


def children_of(process: subprocess.Popen[str]) -> list[int]:
    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
