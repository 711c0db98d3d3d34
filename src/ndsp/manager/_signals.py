"""Every request of the operating system to end, however many there are."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["on_each_signal"]

REQUESTS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)


@contextlib.contextmanager
def on_each_signal(act: Callable[[], object]) -> Iterator[None]:
    """Call a function in the running event loop for each such signal.

    Not :class:`sipyco.tools.SignalHandler`, for which a second Ctrl-C means that the first one was
    not heard: people press it twice, and nothing may be left running then. A SIGHUP that was
    ignored before stays ignored: that is what nohup asks for.
    """
    loop = asyncio.get_running_loop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)

    before = {number: signal.getsignal(number) for number in REQUESTS}
    taken = [
        number
        for number, handler in before.items()
        if not (number.name == "SIGHUP" and handler is signal.SIG_IGN)
    ]
    for number in taken:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number] or signal.SIG_DFL)
