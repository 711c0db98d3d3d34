"""The event loops that are compared, by name."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """Create the loop called ``"asyncio"`` or ``"uvloop"``."""
    if name == "uvloop":
        # Not there on Windows, where its columns are left out.
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def runner(name: str) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=lambda: new_loop(name))


def run(name: str, main: Coroutine[Any, Any, T]) -> T:
    with runner(name) as used:
        return used.run(main)
