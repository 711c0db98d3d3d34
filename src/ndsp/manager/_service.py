"""The manager as a program: the parts put together, from the start to the end of it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ndsp.manager._control import CONTROL_PORT, NOTIFIER, PUBLISHER_PORT, TARGET, Control
from ndsp.manager._file_source import FileSource
from ndsp.manager._hosts import HostFilter
from ndsp.manager._journal import OWN, Journal
from ndsp.manager._lock import only_manager
from ndsp.manager._manager import Manager
from ndsp.manager._marks import Mark
from ndsp.manager._master_source import MasterSource
from ndsp.manager._orphans import end_orphans
from ndsp.manager._signals import on_each_signal
from sipyco.logs import LogForwarder, MultilineFormatter
from sipyco.pc_rpc import Server
from sipyco.sync_struct import Notifier, Publisher, update_from_dict
from sipyco.tools import SimpleSSLConfig

__all__ = ["Settings", "serve"]

logger = logging.getLogger("ndsp.manager")


FOLLOW_AGAIN = 5.0
"""Seconds until the database is followed again when that has failed."""


@dataclass(frozen=True)
class Settings:
    """What the command line says.

    Attributes:
        source: Where the database is from.
        hosts: Addresses on which the manager can be reached.
        control_port: Port of its target; 0 for any.
        publisher_port: Port of its publisher; 0 for any.
        host_filter: Host of the controllers to run; None for this machine.
        log_host: Where logs go to; None: nowhere else.
        log_port: The port there.
        log_ssl_config: Certificates for that.
    """

    source: FileSource | MasterSource
    hosts: Sequence[str]
    control_port: int = CONTROL_PORT
    publisher_port: int = PUBLISHER_PORT
    host_filter: str | None = None
    log_host: str | None = None
    log_port: int = 1066
    log_ssl_config: SimpleSSLConfig | None = None


async def serve(settings: Settings) -> None:
    """Run controllers until asked to end, by a signal or ``terminate``; then end them.

    A second signal ends them at once.

    Raises:
        DeviceDBError: The database file cannot be read.
        OSError: A port cannot be listened on.
        AnotherManager: There is one already for this database.
    """
    journal = Journal()
    with _attached(journal):
        async with _forwarding(settings):
            await _serve(settings, journal)


async def _serve(settings: Settings, journal: Journal) -> None:
    source = settings.source
    states: Notifier = Notifier({})
    mark = Mark(source.name)
    hosts = HostFilter(settings.host_filter)
    manager = Manager(
        mark,
        hosts,
        journal,
        lambda new: update_from_dict(states, new),
    )
    server = Server(
        {TARGET: Control(manager, journal)}, builtin_terminate=True, allow_parallel=True
    )
    publisher = Publisher({NOTIFIER: states})
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(only_manager(source.name))
        stack.enter_context(on_each_signal(manager.end))
        await server.start(list(settings.hosts), settings.control_port)
        stack.push_async_callback(server.stop)
        await publisher.start(list(settings.hosts), settings.publisher_port)
        stack.push_async_callback(publisher.stop)
        logger.info("managing the controllers of the %s", source.name)
        preparing = asyncio.create_task(_prepare(source, mark, manager))
        ending = asyncio.create_task(_end_when_asked(server, manager))
        stack.push_async_callback(_cancel, preparing, ending)
        running = asyncio.create_task(manager.run())
        # It is there for whoever asks while it prepares, and can be ended.
        await asyncio.wait([preparing, running], return_when=asyncio.FIRST_COMPLETED)
        if preparing.done() and preparing.exception() is not None:
            manager.end()
            await running
            preparing.result()
        following = asyncio.create_task(_follow(source, manager, hosts))
        stack.push_async_callback(_cancel, following)
        await running
        logger.info("all controllers have ended")


async def _prepare(source: FileSource | MasterSource, mark: Mark, manager: Manager) -> None:
    first = await source.read() if isinstance(source, FileSource) else None
    await end_orphans(mark, [] if first is None else first.controllers())
    if first is not None:
        await manager.use(first)


async def _follow(source: FileSource | MasterSource, manager: Manager, hosts: HostFilter) -> None:
    while True:
        try:
            async for database in source.changes():
                if isinstance(source, MasterSource):
                    hosts.is_local = source.is_local
                await manager.use(database)
        except Exception:
            # As when the directory of the file has gone. Nobody else would know.
            text = "following the %s failed; trying again in %g s"
            logger.exception(text, source.name, FOLLOW_AGAIN)
        await asyncio.sleep(FOLLOW_AGAIN)


async def _end_when_asked(server: Server, manager: Manager) -> None:
    await server.wait_terminate()
    manager.end()


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _attached(handler: logging.Handler) -> Iterator[None]:
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


@contextlib.asynccontextmanager
async def _forwarding(settings: Settings) -> AsyncIterator[None]:
    if settings.log_host is None:
        yield
        return
    forwarder = LogForwarder(
        settings.log_host,
        settings.log_port,
        ssl_config=settings.log_ssl_config,
        default_source=OWN,
    )
    forwarder.setFormatter(MultilineFormatter())
    forwarder.start()
    try:
        with _attached(forwarder):
            yield
    finally:
        await forwarder.stop()
