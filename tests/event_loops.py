"""The event loops that everything asynchronous has to work on."""

import asyncio
import sys
from collections.abc import Callable

import pytest

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def uvloop_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        pytest.skip("uvloop does not exist on Windows")
    import uvloop

    return uvloop.new_event_loop()


every_loop = pytest.mark.parametrize(
    "loop_factory",
    [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop_loop, id="uvloop")],
)
"""Runs a test once per event loop; use as ``asyncio.Runner(loop_factory=loop_factory)``."""
