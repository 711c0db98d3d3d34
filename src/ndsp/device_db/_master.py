"""Gets the database from a running ARTIQ master: once by asking, or again after each change."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from ndsp.device_db._check import DeviceDBError, Problem
from ndsp.device_db._database import DeviceDB
from ndsp.device_db._parse import parse_device_db
from sipyco.pc_rpc import Client, IncompatibleServer
from sipyco.sync_struct import Subscriber
from sipyco.tools import SimpleSSLConfig

__all__ = ["ask_master", "follow_master"]

TARGETS = ("device_db", "master_device_db")
"""Names of the target, of newer and of older versions of ARTIQ."""

NOTIFIER = "devices"
"""Under which name the master publishes the database."""

LONGEST_SETTLING = 2.0
"""Seconds after which it counts as such anyway: somebody may change it all the time."""

SETTLING = 0.1
"""Seconds without a change after which the database counts as complete: the master publishes a
file that was read anew key by key."""


def ask_master(
    host: str,
    port: int = 3251,
    ssl_config: SimpleSSLConfig | None = None,
    timeout: float | None = 10.0,
) -> DeviceDB:
    """Ask a master for its device database.

    Args:
        host: Name or address of the master.
        port: Its port for control.
        ssl_config: Certificates, if the master uses TLS.
        timeout: Seconds of each wait for it; None waits for ever.

    Returns:
        The database. Entries in error are left out, and told of in its ``problems``.

    Raises:
        DeviceDBError: What answers is no master.
        OSError: It cannot be reached, or does not answer in time.
    """
    source = _source(host, port)
    try:
        with Client(host, port, None, timeout, ssl_config) as client:
            raw = _ask(client, source)
    except IncompatibleServer as exc:
        raise DeviceDBError([Problem(source, None, None, f"is no ARTIQ master: {exc}")]) from exc
    return parse_device_db(raw, source)


def _ask(client: Client, source: str) -> Any:
    offered, _ = client.get_rpc_id()
    target = next((name for name in TARGETS if name in offered), None)
    if target is None:
        text = (
            f"offers no target {TARGETS[0]!r}, but {', '.join(sorted(offered)) or 'none at all'}; "
            "give the port for control of an ARTIQ master, 3251 by default"
        )
        raise DeviceDBError([Problem(source, None, None, text)])
    client.select_rpc_target(target)
    return client.get_device_db()


async def follow_master(
    host: str,
    port: int = 3250,
    ssl_config: SimpleSSLConfig | None = None,
    *,
    reconnect: float = 5.0,
    on_connect: Callable[[str], object] | None = None,
) -> AsyncGenerator[DeviceDB, None]:
    """Give the device database of a master, and give it again whenever it has changed.

    Changes while the last one is being dealt with come as one. Whoever leaves the loop early
    closes the connection by ``aclose()`` of this iterator (``contextlib.aclosing``).

    Args:
        host: Name or address of the master.
        port: Its port for notifications.
        ssl_config: Certificates, if the master uses TLS.
        reconnect: Seconds after which a lost connection, or one that could not be made, is tried
            again; longer and longer, up to a minute. The ``sipyco`` loggers tell of it.
        on_connect: Called each time that the connection was made, with the address of this end.

    Yields:
        The database. Entries in error are left out, and told of in its ``problems``.

    Raises:
        OSError: What is published there cannot be read. It is not tried again.
    """
    structure: Any = None
    changed = asyncio.Event()

    def begin(struct: Any) -> Any:
        nonlocal structure
        structure = struct
        return struct

    def note(_: dict[str, Any]) -> None:
        changed.set()

    def connected() -> None:
        if on_connect is not None:
            address, *_ = subscriber.writer.get_extra_info("sockname")
            on_connect(str(address).partition("%")[0])

    subscriber = Subscriber(NOTIFIER, begin, note, reconnect=reconnect)
    await subscriber.connect(host, port, connected, ssl_config)
    try:
        while True:
            await _until(changed, subscriber)
            await _until_quiet(changed)
            yield parse_device_db(structure, _source(host, port))
    finally:
        await subscriber.close()


async def _until(changed: asyncio.Event, subscriber: Subscriber) -> None:
    """Wait for a change, or for the end of the subscription, which otherwise goes on for ever."""
    waiting = asyncio.ensure_future(changed.wait())
    try:
        await asyncio.wait([waiting, subscriber.receive_task], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if not changed.is_set():
        raise OSError(f"what is published as {NOTIFIER!r} cannot be read; the log says why")


async def _until_quiet(changed: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SETTLING):
            while changed.is_set():
                changed.clear()
                await asyncio.sleep(SETTLING)
    changed.clear()


def _source(host: str, port: int) -> str:
    return f"master [{host}]:{port}" if ":" in host else f"master {host}:{port}"
