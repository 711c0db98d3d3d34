"""Asks a controller to end at each step after its device was opened; prints where that fails."""

import contextlib
import signal
import sys
from types import FrameType
from typing import Any

from ndsp.controller import Controller

STEPS = 150
"""Calls of functions after the opening. By then it serves."""


class Device:
    """Counts the calls since it was opened, and strikes at one of them.

    Args:
        step: At which.
    """

    is_open = False
    number = signal.SIGTERM

    def __init__(self, step: int = 0) -> None:
        Device.is_open = True
        self._left = step
        sys.setprofile(self._count)

    def close(self) -> None:
        """Note it."""
        Device.is_open = False

    def _count(self, _frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            self._left -= 1
            if self._left < 0:
                sys.setprofile(None)
                signal.raise_signal(self.number)


def main() -> int:
    """Strike at every step."""
    controller = Controller(Device, name="device", port=0)
    for number in (signal.SIGTERM, signal.SIGINT):
        Device.number = number
        for step in range(STEPS):
            status: object = None
            with contextlib.suppress(BaseException):
                status = controller.run(["-p", "0", "--step", str(step), "-qq"])
            if Device.is_open or status != 0:
                print(f"{number.name} at step {step}: status {status}, open: {Device.is_open}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
