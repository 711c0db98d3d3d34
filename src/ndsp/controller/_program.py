"""What a controller has to know of the process that it is."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable

__all__ = ["loop_factory", "program_name", "tell_threads"]

logger = logging.getLogger("ndsp.controller")


def program_name() -> str | None:
    """Name this program as it was called; None leaves that to argparse."""
    # Which says "__main__.py" of a package that is run with -m, before Python 3.14.
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {spec.name.removesuffix('.__main__')}" if spec else None


def tell_threads() -> None:
    """Say why the process does not end, if it does not."""
    main = threading.main_thread()
    others = [t.name for t in threading.enumerate() if not t.daemon and t is not main]
    if others and threading.current_thread() is main:
        text = "the process goes on until threads of the driver have ended: %s"
        logger.warning(text, ", ".join(others))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give what makes event loops of uvloop; None where it is not installed."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
