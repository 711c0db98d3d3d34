"""Work that may never end, beside the event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")
P = ParamSpec("P")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread that does not keep the program from ending.

    Not :func:`asyncio.to_thread`, whose threads are waited for at the end: a name server that does
    not answer, or a database file that loops, would have to be waited for, too.

    Raises:
        Exception: What the function raises. Other exceptions, such as a KeyboardInterrupt, come
            as a RuntimeError: they are not meant for the program.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(method: Callable[[Any], None], value: object) -> None:
        if not done.done():
            method(value)

    def work() -> None:
        outcome: tuple[Callable[[Any], None], object]
        try:
            outcome = done.set_result, function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whoever awaits this is told
            outcome = done.set_exception, error
        except BaseException as error:  # noqa: BLE001 - likewise
            outcome = done.set_exception, RuntimeError(f"{type(error).__name__}: {error}")
        with contextlib.suppress(RuntimeError):  # of a loop that has been closed meanwhile
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=work, daemon=True).start()
    return await done
