"""What the tool talks to in its tests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


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


class Other:
    def hi(self) -> str:
        return "hello"
