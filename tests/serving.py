"""A server in a thread, for tests of what connects to it."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sipyco.pc_rpc import Server
from sipyco.tools import SimpleSSLConfig
from tests.event_loops import LoopFactory

ANNOUNCING = """
# Says which port the system chose: a free one looked for beforehand may be taken by then.
import sipyco.pc_rpc._server_loop as server_loop

class Announcing(server_loop.Server):
    async def start(self, *args):
        await super().start(*args)
        print(self.server.sockets[0].getsockname()[1], flush=True)

server_loop.Server = Announcing
"""
"""What a program begins with to print the port on which ``simple_server_loop`` listens by then."""


def free_port() -> int:
    """Return a port on which nothing listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def served(
    targets: Mapping[str, Any],
    ssl_config: SimpleSSLConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    loop_factory: LoopFactory = asyncio.new_event_loop,
    **options: Any,
) -> Iterator[int]:
    """Serve objects on a local port, which is yielded, until the end of the ``with`` block."""
    server = Server(targets, **options)
    loop = loop_factory()
    thread = threading.Thread(target=loop.run_forever, name="server under test")
    thread.start()

    async def start() -> int:
        await server.start(host, port, ssl_config)
        assert server.server
        return int(server.server.sockets[0].getsockname()[1])

    try:
        bound = asyncio.run_coroutine_threadsafe(start(), loop).result()
        try:
            yield bound
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
