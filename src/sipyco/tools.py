"""Building blocks of servers and of programs around an event loop."""

from sipyco._io.server import AsyncioServer
from sipyco._io.signals import SignalHandler
from sipyco._io.tasks import BackgroundTaskPool, Condition, TaskObject, atexit_register_coroutine
from sipyco._io.tls import SimpleSSLConfig, TLSError

__all__ = [
    "AsyncioServer",
    "BackgroundTaskPool",
    "Condition",
    "SignalHandler",
    "SimpleSSLConfig",
    "TLSError",
    "TaskObject",
    "atexit_register_coroutine",
]
