"""What the tool talks to in its tests."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sipyco.pc_rpc import current_call


class DeviceError(Exception):
    pass


class Device:
    """A device for tests.

    It does what it is told.
    """

    def echo(self, value: Any = None, *rest: Any, unit: str = "V") -> Any:
        """Give the value back."""
        return (value, *rest, unit) if rest else value

    def nothing(self) -> None: ...

    def image(self) -> NDArray[np.uint16]:
        return np.arange(4, dtype=np.uint16).reshape(2, 2)

    def fail(self) -> None:
        raise ValueError("no such\nchannel")

    def break_down(self) -> None:
        raise DeviceError("smoke")

    def close_rpc(self) -> None: ...

    def count(self, end: int, fail: bool = False) -> Iterator[int | None]:
        """Give numbers, one by one."""
        for number in range(end):
            current_call().progress(number / end, f"step\n{number}")
            yield number or None
        if fail:
            raise ValueError("no more film")

    async def slow(self) -> str:
        current_call().progress(0.5, "half")
        return "done"


class Other:
    def hi(self) -> str:
        return "hello"
