"""After a failure: how long until the next attempt, and when there is none any more. Pure."""

from collections import deque

from ndsp.device_db import Controller

__all__ = ["Backoff"]


class Backoff:
    """The failures of one controller.

    Args:
        spec: Its ``retry_timer``, ``retry_timer_backoff``, ``retry_timer_max``, ``restart_limit``
            and ``restart_window`` count.
    """

    def __init__(self, spec: Controller) -> None:
        self._spec = spec
        self._in_a_row = 0
        self._times: deque[float] = deque()

    def delay(self, now: float) -> float | None:
        """Note a failure and give the seconds until the next attempt; None: there is to be none."""
        spec = self._spec
        self._times.append(now)
        while spec.restart_window is not None and self._times[0] < now - spec.restart_window:
            self._times.popleft()
        if spec.restart_limit is not None and len(self._times) > spec.restart_limit:
            return None
        longest = float("inf") if spec.retry_timer_max is None else spec.retry_timer_max
        try:
            delay = spec.retry_timer * spec.retry_timer_backoff**self._in_a_row
        except OverflowError:
            delay = longest
        self._in_a_row += 1
        return min(delay, longest)

    def ran_for(self, seconds: float) -> None:
        """Note how long it ran: if it was longer than the window, delays begin anew."""
        window = self._spec.restart_window
        if seconds > (60.0 if window is None else window):
            self._in_a_row = 0

    def forget(self) -> None:
        """Somebody asks for another attempt: nothing is held against it."""
        self._in_a_row = 0
        self._times.clear()
