"""Which event loop a program without a running one should use."""

import asyncio
import sys

__all__ = ["current_loop", "new_loop"]


def current_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that this thread has been given, if it is open. None is created."""
    if sys.version_info >= (3, 14):
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_event_loop()
        except RuntimeError:
            loop = None
    else:
        # Before 3.14 nothing public asks without creating a loop. Both policies that are in use
        # (asyncio's and uvloop's) keep it here; of another one the loop is simply not known.
        policy = asyncio.get_event_loop_policy()
        loop = getattr(getattr(policy, "_local", None), "_loop", None)
    return None if loop is None or loop.is_closed() else loop


def new_loop() -> asyncio.AbstractEventLoop:
    """Create the fastest event loop that there is: uvloop's where it is installed."""
    if sys.platform != "win32":
        try:
            import uvloop  # noqa: PLC0415  not on every machine

            return uvloop.new_event_loop()
        except ImportError:
            pass
    return asyncio.new_event_loop()
