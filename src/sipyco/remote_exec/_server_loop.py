"""The one call that controllers make which offer remote execution."""

import asyncio
import functools
from collections.abc import Callable, Collection
from os import PathLike
from typing import Any

from sipyco._io.addresses import Hosts, as_list, is_loopback
from sipyco._io.tls import SimpleSSLConfig, choose_config
from sipyco._wire import limits
from sipyco.pc_rpc import simple_server_loop
from sipyco.pc_rpc._describe import is_factory
from sipyco.remote_exec._server import RemoteExecServer

__all__ = ["simple_rexec_server_loop"]


def simple_rexec_server_loop(
    target_name: str,
    target: Any,
    host: Hosts,
    port: int | str,
    description: str | None = None,
    *,
    ssl_config: SimpleSSLConfig | None = None,
    allow_parallel: bool = False,
    insecure: bool = False,
    loop: asyncio.AbstractEventLoop | None = None,
    local_cert: str | PathLike[str] | None = None,
    local_key: str | PathLike[str] | None = None,
    peer_cert: str | PathLike[str] | None = None,
    threads: bool = False,
    allow_private: bool = False,
    busy_ping_after: float | None = limits.BUSY_PING_AFTER,
    max_message_size: int = limits.MAX_MESSAGE_SIZE,
    withheld: Collection[str] = (),
) -> None:
    """Serve an object, and beside it a target that executes code, until asked to end.

    The second target has the name of the first with ``_rexec`` behind it: ``camera`` and
    ``camera_rexec``. Clients of it find the object as ``controller_driver``.

    **It executes whatever clients send, with the rights of this process.** Beyond this machine it
    is therefore offered over TLS only, where clients have to show a certificate.

    Args:
        target_name: Name of the first target.
        target: The object. If it is a factory (see :class:`sipyco.pc_rpc.Server`), a connection to
            the second target gets a ``controller_driver`` of its own, too.
        host: As for :func:`sipyco.pc_rpc.simple_server_loop`, like all further arguments but:
        port: TCP port.
        description: As there.
        ssl_config: As there.
        allow_parallel: As there.
        insecure: Execute the code of everybody who can reach this machine.
        loop: As there.
        local_cert: As there.
        local_key: As there.
        peer_cert: As there.
        threads: As there. The code of clients then runs in that thread, too.
        allow_private: As there.
        busy_ping_after: As there.
        max_message_size: As there.
        withheld: As there. The code of clients can still call these methods.

    Raises:
        ValueError: It would be reachable from other machines without TLS. Nothing was opened.
        OSError: The address cannot be bound. Nothing is left open.
        RuntimeError: The event loop is running already.
    """
    config = choose_config(ssl_config, local_cert, local_key, peer_cert)
    exposed = [address or "all interfaces" for address in as_list(host) if not is_loopback(address)]
    if exposed and config is None and not insecure:
        raise ValueError(
            f"target {target_name + '_rexec'!r} on {', '.join(exposed)} would execute the code of "
            "anyone who can reach it: pass ssl_config, bind to localhost only, or say insecure=True"
        )
    simple_server_loop(
        {target_name: target, f"{target_name}_rexec": _rexec_factory(target)},
        host,
        port,
        description,
        allow_parallel,
        config,
        loop=loop,
        threads=threads,
        allow_private=allow_private,
        busy_ping_after=busy_ping_after,
        max_message_size=max_message_size,
        withheld=withheld,
    )


def _rexec_factory(target: Any) -> Callable[[], RemoteExecServer]:
    initial_namespace: dict[str, Any] = {}
    if not is_factory(target):
        initial_namespace["controller_driver"] = target
        return functools.partial(RemoteExecServer, initial_namespace)

    def make() -> RemoteExecServer:
        made = RemoteExecServer(initial_namespace)
        made._namespace["controller_driver"] = target()
        return made

    return make
