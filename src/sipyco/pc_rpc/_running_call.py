"""One call of a method that takes a while: what stops it, and what is told of it."""

import asyncio
import time
from typing import Any

from sipyco.pc_rpc._current_call import CurrentCall

__all__ = ["RunningCall"]


class RunningCall:
    """A call that waits for its turn, or runs.

    Args:
        current: As the method sees it.
        target: The name of the target that has the method.
        is_cancelled: Whether it ends early when its caller gives it up.

    Attributes:
        task: Carries it out.
        credit: Items that its stream may still give.
        timeout: Seconds that its caller gives it; None for any time.
        is_expired: They have passed.
    """

    def __init__(self, current: CurrentCall, target: str, *, is_cancelled: bool) -> None:
        self.current = current
        self.task: asyncio.Task[None] | None = None
        self.credit = 0
        self.timeout: float | None = None
        self.is_expired = False
        self._target = target
        self._is_cancelled = is_cancelled
        self._is_running = False
        self._can_stop = False  # a task that has not begun cannot notice that it is cancelled
        self._since = time.time()
        self._timer: asyncio.TimerHandle | None = None
        self._credit_came = asyncio.Event()

    def check(self) -> None:
        """Begin to wait for its turn.

        Raises:
            CancelledError: It was given up already.
        """
        self._can_stop = True
        if self._is_cancelled and self.current.cancelled:
            raise asyncio.CancelledError

    def begin(self, *, can_stop: bool) -> None:
        """Note that its turn has come; in a thread it cannot be stopped any more."""
        self._can_stop = can_stop
        if not self._is_running:
            self._is_running = True
            self._since = time.time()

    def pause(self) -> None:
        """Note that its turn is over for now: it can be stopped."""
        self._can_stop = True

    def expire_after(self, seconds: float) -> None:
        """Give it a deadline."""
        self.timeout = seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def give_up(self) -> None:
        """Nobody waits for its answer any more."""
        if self.current.cancelled:
            return
        self.current.cancelled = True
        if self._is_cancelled and self._can_stop and self.task is not None:
            self.task.cancel()

    def end(self) -> None:
        """Note that it is over."""
        if self._timer is not None:
            self._timer.cancel()

    def add_credit(self, items: int) -> None:
        """Let its stream go on."""
        self.credit += items
        self._credit_came.set()

    async def wait_for_credit(self) -> None:
        """Wait until its stream may give an item."""
        while not self.credit:
            self._credit_came.clear()
            await self._credit_came.wait()

    def describe(self) -> dict[str, Any]:
        """Tell what it is, as :meth:`Client.get_rpc_status` gives it."""
        return {
            "target": self._target,
            "method": self.current.method,
            "peer": None if self.current.peer is None else self.current.peer.address,
            "state": "running" if self._is_running else "waiting",
            "since": self._since,
            "seconds": time.time() - self._since,
        }

    def _expire(self) -> None:
        self.is_expired = True
        self.give_up()
