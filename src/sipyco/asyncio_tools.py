"""The old name of :mod:`sipyco.tools`, which also gave away modules that it used."""

import asyncio
import atexit
import warnings

from sipyco.tools import (
    AsyncioServer,
    BackgroundTaskPool,
    Condition,
    SignalHandler,
    SimpleSSLConfig,
    TaskObject,
    TLSError,
    atexit_register_coroutine,
)

__all__ = [
    "AsyncioServer",
    "BackgroundTaskPool",
    "Condition",
    "SignalHandler",
    "SimpleSSLConfig",
    "TLSError",
    "TaskObject",
    "asyncio",
    "atexit",
    "atexit_register_coroutine",
]

warnings.warn(
    "sipyco.asyncio_tools is now called sipyco.tools; import the same names from there",
    DeprecationWarning,
    stacklevel=2,
)
