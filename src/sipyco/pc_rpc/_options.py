"""What can be wanted of a call besides its value."""

import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

__all__ = ["OnProgress", "RpcOptions", "checked_options", "not_in_time"]

OnProgress: TypeAlias = Callable[[float | None, str], Any]
"""Called with the fraction that is done, from 0 to 1 or None, and a text."""


class RpcOptions(NamedTuple):
    """Options of calls.

    Attributes:
        timeout: Seconds that a call may take as a whole; None for any time.
        on_progress: Called while the call runs; None if nobody wants to know.
    """

    timeout: float | None = None
    on_progress: OnProgress | None = None


def not_in_time(what: str, timeout: float | None, *, was_told: bool) -> TimeoutError:
    """Make the error for a call whose time is up.

    Args:
        what: The call, as ``"expose()"``.
        timeout: Seconds that it had.
        was_told: The server understands that it is to give the call up.
    """
    told = "was told" if was_told else "is of an older version and cannot be told"
    return TimeoutError(f"{what} did not end within {timeout:g} s; the server {told} to give it up")


def checked_options(timeout: object, on_progress: object) -> RpcOptions:
    """Make options of what a user gave.

    Raises:
        TypeError: One is not of its type.
        ValueError: The timeout is negative, or no number.
    """
    if timeout is not None:
        if not isinstance(timeout, Real):
            raise TypeError(f"timeout is {timeout!r}; give seconds, or None")
        timeout = float(timeout)
        if not timeout >= 0:
            raise ValueError(f"timeout is {timeout!r}; give seconds, or None")
    if on_progress is not None and not callable(on_progress):
        raise TypeError(f"on_progress is {on_progress!r}; give a function of two arguments")
    if inspect.iscoroutinefunction(on_progress):
        raise TypeError(
            f"on_progress is the coroutine function {on_progress.__qualname__!r}, which nobody "
            "would await; give an ordinary function, which may create a task"
        )
    return RpcOptions(timeout, on_progress)
