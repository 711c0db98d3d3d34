"""What is wrong with a link at the moment; asked before every piece that is passed on."""

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Literal

__all__ = ["Direction", "LinkState"]

Direction = Literal["to_server", "to_client"]

SMOOTHNESS = 0.02
"""Seconds that one piece takes on a slow link: what is slow is so evenly."""


class LinkState:
    """Belongs to one event loop, in which alone it is used.

    Args:
        cut: Cuts all connections, with a reset if it is true.

    Attributes:
        latency: Seconds that everything takes.
        is_half_open: What clients send is swallowed.
    """

    def __init__(self, cut: Callable[[bool], None]) -> None:
        self._cut = cut
        self._changed = asyncio.Event()
        self.latency = 0.0
        self.is_half_open = False
        self.restore()

    def restore(self) -> None:
        """Nothing is wrong any more; what is on its way arrives at once."""
        self.is_half_open = False
        self._deaf: frozenset[Direction] = frozenset()
        self._cuts: dict[Direction, tuple[int, bool]] = {}
        self.slow(math.inf, 0.0)

    def slow(self, bytes_per_second: float, latency: float) -> None:
        """Let so much through, for all connections together, in each direction."""
        self._rate = bytes_per_second
        self.latency = latency
        self._free_at: dict[Direction, float] = {}
        self._tell()

    def deaf(self, directions: frozenset[Direction]) -> None:
        """Hold everything that goes these ways."""
        self._deaf |= directions
        self._tell()

    def cut_after(self, size: int, direction: Direction, *, reset: bool) -> None:
        """Cut all connections when so many bytes have gone this way, on any of them."""
        self._cuts[direction] = (size, reset)

    async def may_receive(self, direction: Direction) -> None:
        """Wait while nothing is to be passed on."""
        while direction in self._deaf:
            await self._changed.wait()

    async def arrives(self, due: float) -> None:
        """Wait until a time of the event loop, or until something changes."""
        delay = due - asyncio.get_running_loop().time()
        if delay > 0:
            with contextlib.suppress(TimeoutError):
                # Not wait_for(), which in Python 3.11 may lose a cancellation.
                async with asyncio.timeout(delay):
                    await self._changed.wait()

    async def may_send(self, size: int, direction: Direction) -> int:
        """Wait until bytes may be sent, and give how many of them."""
        if self._rate < math.inf:
            size = max(1, min(size, int(self._rate * SMOOTHNESS)))
            now = asyncio.get_running_loop().time()
            due = max(now, self._free_at.get(direction, now)) + size / self._rate
            self._free_at[direction] = due
            await self.arrives(due)
        await self.may_receive(direction)
        if direction in self._cuts:
            size = min(size, self._cuts[direction][0])
        return size

    async def sent(self, size: int, direction: Direction) -> None:
        """Count what was sent; if that was all, this never returns, but is cancelled."""
        if direction not in self._cuts:
            return
        left, reset = self._cuts.pop(direction)
        if left > size:
            self._cuts[direction] = (left - size, reset)
            return
        self._cut(reset)
        await asyncio.get_running_loop().create_future()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
