"""Controllers that a manager has left behind, because it was killed: found, and ended.

Every controller is marked in its environment, which all that it starts inherits. No file has to be
kept, which could be wrong.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from ndsp.device_db import Controller
from ndsp.manager._health import Health

__all__ = ["AnotherManager", "Mark", "end_orphans"]

logger = logging.getLogger("ndsp.manager")

LAST_WAIT = 5.0
"""Seconds until a process that was killed must be gone."""


class AnotherManager(Exception):
    """Another manager runs the controllers of this database; the text says which."""


@dataclass(frozen=True)
class Mark:
    """What marks the controllers of one manager.

    Args:
        database: Names the database, the same for every manager of it on this machine.
    """

    database: str

    def environment(self, name: str) -> dict[str, str]:
        """Give the environment variables that mark a controller of this manager."""
        own = psutil.Process()
        return {
            "NDSP_DATABASE": self.database,
            "NDSP_CONTROLLER": name,
            # With its time, since numbers of processes are used again.
            "NDSP_MANAGER": f"{os.getpid()}:{own.create_time()}",
        }


async def end_orphans(mark: Mark, controllers: Iterable[Controller]) -> None:
    """End what earlier managers of the same database have left behind, all at the same time.

    Each is asked to end, as far as the database still has it, and then told more and more firmly.

    Raises:
        AnotherManager: One of them still runs. Nothing was ended.
    """
    found = await asyncio.to_thread(_find, mark)
    specs = {controller.name: controller for controller in controllers}
    await asyncio.gather(*(_end(name, left, specs.get(name)) for name, left in found.items()))


def _find(mark: Mark) -> dict[str, list[psutil.Process]]:
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):  # of another user, or gone
            continue
        if environment.get("NDSP_DATABASE") != mark.database:
            continue
        manager = environment.get("NDSP_MANAGER", "")
        if process.pid == os.getpid():
            continue
        if _is_alive(manager):
            number = manager.partition(":")[0]
            raise AnotherManager(
                f"another manager, process {number}, runs the controllers of {mark.database}; "
                "end it first"
            )
        found.setdefault(environment.get("NDSP_CONTROLLER", ""), []).append(process)
    return found


def _is_alive(manager: str) -> bool:
    number, _, started = manager.partition(":")
    try:
        process = psutil.Process(int(number))
        return str(process.create_time()) == started and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False


async def _end(name: str, processes: list[psutil.Process], spec: Controller | None) -> None:
    source = {"source": name}
    numbers = ", ".join(str(process.pid) for process in processes)
    text = "ending process %s, which an earlier manager has left behind"
    logger.warning(text, numbers, extra=source)
    patience = 30.0 if spec is None else spec.term_timeout
    if spec is not None:
        health = Health(spec)
        try:
            asked = await health.ask_to_end()
        except TimeoutError:
            asked = False
        await health.close()
        if asked and not await _are_left(processes, patience):
            return
    steps = ((psutil.Process.terminate, patience), (psutil.Process.kill, LAST_WAIT))
    for tell, seconds in steps:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                tell(process)
        if not await _are_left(processes, seconds):
            return
    logger.error("process %s cannot be ended", numbers, extra=source)


async def _are_left(processes: list[psutil.Process], seconds: float) -> bool:
    _, left = await asyncio.to_thread(psutil.wait_procs, processes, seconds)
    return bool(left)
