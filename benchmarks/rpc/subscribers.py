"""What both sides of the row with many subscribers have in common.

The server makes its changes when a datagram comes to the number of its port: one change in each
turn of the event loop, as programs do that tell a value when they have it.
"""

import asyncio
import socket
from collections.abc import Callable

SUBSCRIBERS = 50
MODS = 2000


class _OnDatagram(asyncio.DatagramProtocol):
    def __init__(self, publish: Callable[[int], None]) -> None:
        self._publish = publish

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._task = asyncio.get_running_loop().create_task(self._make_changes())

    async def _make_changes(self) -> None:
        for number in range(1, MODS + 1):
            self._publish(number)
            await asyncio.sleep(0)


async def publish_when_asked(port: int, publish: Callable[[int], None]) -> None:
    """Have ``publish`` called with 1 to ``MODS``, once for each :func:`ask`. Does not wait."""
    await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _OnDatagram(publish), ("127.0.0.1", port)
    )


def ask(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"go", ("127.0.0.1", port))


async def all_of(ready: asyncio.Semaphore) -> None:
    """Wait until each subscriber has released it once."""
    for _ in range(SUBSCRIBERS):
        await ready.acquire()
