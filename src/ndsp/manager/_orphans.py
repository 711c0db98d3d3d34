"""Controllers that a manager has left behind, because it was killed: found, and ended."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable

import psutil

from ndsp.device_db import Controller
from ndsp.manager._health import Health
from ndsp.manager._lock import AnotherManager
from ndsp.manager._marks import Mark
from ndsp.manager._threads import in_thread

__all__ = ["end_orphans"]

logger = logging.getLogger("ndsp.manager")

PATIENCE = 30.0
"""Seconds for the end of what no entry is known of."""

LAST_WAIT = 5.0
"""Seconds until a process that was killed must be gone."""


async def end_orphans(mark: Mark, controllers: Iterable[Controller]) -> None:
    """End what earlier managers of the same database have left behind, all at the same time.

    Each is asked to end, as far as the database still has it, and then told more and more firmly.

    Raises:
        AnotherManager: Their manager is alive: somebody has removed its lock, or it is another
            user's. Nothing was ended.
    """
    other = await in_thread(mark.living_manager)
    if other is not None:
        raise AnotherManager(mark.database, other)
    found: dict[str, list[psutil.Process]] = {}
    for name, process in await in_thread(lambda: list(mark.find())):
        found.setdefault(name, []).append(process)
    specs = {controller.name: controller for controller in controllers}
    ends = [_end(name, left, specs.get(name)) for name, left in found.items()]
    try:
        await asyncio.gather(*ends)
    except asyncio.CancelledError:
        # The manager is to end itself: nobody has the time to be gentle.
        for process in (process for left in found.values() for process in left):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        raise


async def _end(name: str, processes: list[psutil.Process], spec: Controller | None) -> None:
    source = {"source": name}
    numbers = ", ".join(str(process.pid) for process in processes)
    text = "ending process %s, which an earlier manager has left behind"
    logger.warning(text, numbers, extra=source)
    patience = PATIENCE if spec is None else spec.term_timeout
    if (
        spec is not None
        and await _ask(spec, processes)
        and not await _are_left(processes, patience)
    ):
        return
    steps = ((psutil.Process.terminate, patience), (psutil.Process.kill, LAST_WAIT))
    for tell, seconds in steps:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                tell(process)
        if not await _are_left(processes, seconds):
            return
    logger.error("process %s cannot be ended", numbers, extra=source)


async def _ask(spec: Controller, processes: list[psutil.Process]) -> bool:
    # Not somebody else, who has the port that the entry has now.
    if not await in_thread(_one_listens, processes, spec.port):
        return False
    health = Health(spec)
    try:
        return await health.ask_to_end()
    finally:
        await health.close()


def _one_listens(processes: Iterable[psutil.Process], port: int) -> bool:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
    return False


async def _are_left(processes: list[psutil.Process], seconds: float) -> bool:
    _, left = await in_thread(psutil.wait_procs, processes, seconds)
    return bool(left)
