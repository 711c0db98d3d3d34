"""The one call that most controllers make."""

import asyncio
import contextlib
from collections.abc import Collection, Iterator, Mapping
from os import PathLike
from typing import Any

from sipyco._io.addresses import Hosts
from sipyco._io.loops import current_loop, new_loop
from sipyco._io.signals import SignalHandler
from sipyco._io.tls import SimpleSSLConfig, choose_config
from sipyco._wire import limits
from sipyco.pc_rpc._abandon import Abandon
from sipyco.pc_rpc._server import Server

__all__ = ["simple_server_loop"]


def simple_server_loop(
    targets: Mapping[str, Any] | object,
    host: Hosts,
    port: int | str,
    description: str | None = None,
    allow_parallel: bool = False,
    ssl_config: SimpleSSLConfig | None = None,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    local_cert: str | PathLike[str] | None = None,
    local_key: str | PathLike[str] | None = None,
    peer_cert: str | PathLike[str] | None = None,
    threads: bool = False,
    allow_private: bool = False,
    busy_ping_after: float | None = limits.BUSY_PING_AFTER,
    max_message_size: int = limits.MAX_MESSAGE_SIZE,
    abandon: Abandon | None = None,
    withheld: Collection[str] = (),
) -> None:
    """Serve until Ctrl-C, SIGTERM, SIGHUP or a client's ``terminate``, then return.

    A current event loop of this thread is used as it is and left open, so that what was started
    on it before is served too. Otherwise one is made for the time of the call, uvloop's where it
    is installed.

    Args:
        targets: As for :class:`Server`: names and objects, or a single object.
        host: An address to bind or a list of them; None or ``"*"`` means all interfaces.
        port: TCP port.
        description: As for :class:`Server`, like all further arguments but these:
        allow_parallel: As for :class:`Server`.
        ssl_config: Certificates for encrypted connections.
        loop: The event loop to use, left open.
        local_cert: With ``local_key`` and ``peer_cert``, another way to pass certificates.
        local_key: See ``local_cert``.
        peer_cert: See ``local_cert``.
        threads: As for :class:`Server`.
        allow_private: As for :class:`Server`.
        busy_ping_after: As for :class:`Server`.
        max_message_size: As for :class:`Server`.
        abandon: As for :class:`Server`.
        withheld: As for :class:`Server`.

    Raises:
        OSError: The address cannot be bound. Nothing is left open.
        RuntimeError: The event loop is running already: use :class:`Server` there.
    """
    config = choose_config(ssl_config, local_cert, local_key, peer_cert)

    async def serve() -> None:
        server = Server(
            targets,
            description,
            builtin_terminate=True,
            allow_parallel=allow_parallel,
            threads=threads,
            allow_private=allow_private,
            busy_ping_after=busy_ping_after,
            max_message_size=max_message_size,
            abandon=abandon,
            withheld=withheld,
        )
        signals = SignalHandler()
        signals.setup()
        try:
            await server.start(host, port, config)
            try:
                await _first(server.wait_terminate(), signals.wait_terminate())
            finally:
                await server.stop()
        finally:
            signals.teardown()

    with _loop_for_this_thread(loop) as usable:
        usable.run_until_complete(serve())


async def _first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _loop_for_this_thread(
    given: asyncio.AbstractEventLoop | None,
) -> Iterator[asyncio.AbstractEventLoop]:
    loop = given or current_loop()
    # A loop that runs in this thread need not be its current one in the sense of asyncio.
    if _is_in_coroutine() or (loop is not None and loop.is_running()):
        raise RuntimeError(
            "simple_server_loop() runs the event loop itself, but one is running already; "
            "in a coroutine use Server and its start() and stop()"
        )
    if loop is not None:
        if loop.is_closed():
            raise RuntimeError("simple_server_loop() was given an event loop that is closed")
        yield loop
        return
    with asyncio.Runner(loop_factory=new_loop) as runner:
        yield runner.get_loop()


def _is_in_coroutine() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
